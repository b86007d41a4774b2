// The door: boot a machine, apply a command to it.

import { EACCES, EHOSTDOWN, EINVAL, EISDIR, ENOENT, ENOMEM, EPERM, ESRCH } from '../lib/errno.ts'
import type { Machine, MachineOptions } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import { emptyFile, writeFile } from '../fs/file.ts'
import {
  MAY_WRITE,
  createFile,
  isDir,
  mkdir,
  namei,
  normalizePath,
  permission,
  unlink,
} from '../fs/tree.ts'
import { startStatement } from '../ic/program.ts'
import { startBalloonThread } from '../kernel/kthread.ts'
import { setNice } from '../kernel/nice.ts'
import { doPrlimit } from '../kernel/rlimit.ts'
import { killTask } from '../kernel/signal.ts'
import { actOnSignals, tick } from '../kernel/sched.ts'
import { attachStream, mkStream } from '../kernel/stream.ts'
import { setBalloonTarget } from '../mm/balloon.ts'
import { swapoff, swapon } from '../mm/swapon.ts'
import { truncateInode } from '../mm/truncate.ts'
import { writeProc } from '../proc/write.ts'
import { bootMachine } from './boot.ts'
import type { ChildSettings, Handle, MachineCommand } from './command.ts'
import { accessByte, makeCall } from './debugger.ts'
import {
  addUser,
  findShell,
  login,
  logout,
  readmit,
  setRole,
  startChild,
  startPrompt,
  uidOf,
} from './login.ts'
import { runProgram } from './programs.ts'
import { rebootMachine } from './reboot.ts'

/** What a command came to. Every replica computes the same; it never travels. */
export interface Outcome {
  errno?: number // the call was made and failed
  task?: Handle // the process that 'seat', 'prompt' or 'spawn' has made
  result?: number // what a 'call' returned, what an 'access' read
  signal?: { sig: number; code: number; address: number } // that an 'access' would have been answered with
}

export function createMachine(options: MachineOptions, bootTime: number): Machine {
  return bootMachine(options, bootTime)
}

/** Applies one command of the given seat. Throws only when we are wrong (KernelBug). */
export function apply(m: Machine, seat: number, command: MachineCommand): Outcome {
  m.entries++
  const outcome = m.panic === '' ? run(m, seat, command) : runPanicked(m, seat, command)
  if (m.rebootAt >= 0 && m.ticks >= m.rebootAt) rebootMachine(m)
  return outcome
}

function run(m: Machine, seat: number, command: MachineCommand): Outcome {
  const outcome = execute(m, seat, command)
  m.current = null
  actOnSignals(m)
  return outcome
}

/** After a panic time passes, people may come, and root may boot the machine anew; there is nothing else. */
function runPanicked(m: Machine, seat: number, command: MachineCommand): Outcome {
  switch (command.t) {
    case 'tick':
      m.ticks++
      return {}
    case 'reboot':
      return reboot(m, seat)
    case 'role':
      return outcomeOf(setRole(m, command.who, command.role))
    case 'ban':
      return outcomeOf(logout(m, command.who))
    case 'readmit':
      return readmit(m, command.who)
    case 'seat':
      addUser(m, seat, command.name, command.role)
  }
  return { errno: EHOSTDOWN }
}

function reboot(m: Machine, seat: number): Outcome {
  if (uidOf(m, seat) !== 0) return { errno: EPERM }
  m.rebootAt = m.ticks
  return {}
}

function execute(m: Machine, seat: number, command: MachineCommand): Outcome {
  switch (command.t) {
    case 'tick':
      tick(m, command.fuel, runProgram)
      return {}
    case 'seat':
      return login(m, seat, command.name, command.role, command.from)
    case 'role':
      return outcomeOf(setRole(m, command.who, command.role))
    case 'ban':
      return outcomeOf(logout(m, command.who))
    case 'readmit':
      return readmit(m, command.who)
    case 'reboot':
      return reboot(m, seat)
    case 'balloon':
      return inflateBalloon(m, seat, command.bytes)
    case 'prompt':
      return startPrompt(m, seat, uidOf(m, seat), command.env)
    case 'ic':
      return typeStatement(m, seat, command.task, command.line)
    case 'spawn':
      return spawn(m, seat, command)
    case 'kill':
      return asShell(m, seat, (shell) =>
        killTask(m, shell, m.handles.get(command.task), command.sig),
      )
    case 'write':
      return asShell(m, seat, (shell) =>
        writeText(m, shell, command.path, command.text, command.append),
      )
    case 'unlink':
      return asShell(m, seat, (shell) =>
        unlink(m, normalizePath(command.path, shell.cwdPath), shell),
      )
    case 'truncate':
      return asShell(m, seat, (shell) => truncatePath(m, shell, command.path, command.length))
    case 'swapon':
    case 'swapoff':
      return asShell(m, seat, (shell) => {
        if (shell.uid !== 0) return -EPERM
        return command.t === 'swapon' ? swapon(m, command.path) : swapoff(m, command.path)
      })
    case 'rlimit':
      return asDebugger(m, seat, command.task, (task) => {
        const { resource, soft, hard = task.rlimits[resource].hard } = command
        return outcomeOf(doPrlimit(task, task, resource, { soft, hard }))
      })
    case 'nice':
      return asShell(m, seat, (shell) => {
        const task = m.handles.get(command.task)
        return task === undefined ? -ESRCH : setNice(shell, task, command.nice)
      })
    case 'call':
      return asDebugger(m, seat, command.task, (task) =>
        makeCall(m, task, command.call, command.args),
      )
    case 'access':
      return asDebugger(m, seat, command.task, (task) => accessByte(m, task, command))
    case 'mkdir':
      return asShell(m, seat, (shell) =>
        mkdir(m, normalizePath(command.path, shell.cwdPath), command.mode, shell),
      )
  }
}

/** Whole pages; what is more than the machine has is EINVAL. */
function inflateBalloon(m: Machine, seat: number, bytes: number): Outcome {
  if (uidOf(m, seat) !== 0) return { errno: EPERM }
  const pages = Math.ceil(bytes / m.pageSize)
  if (pages > m.totalramPages + m.balloon.frames.length) return { errno: EINVAL }
  if (!startBalloonThread(m)) return { errno: ENOMEM }
  setBalloonTarget(m, pages)
  return {}
}

/** A line for a process that waits at its prompt. */
function typeStatement(m: Machine, seat: number, handle: Handle, line: string): Outcome {
  const task = m.handles.get(handle)
  if (task === undefined || task.seat !== seat || task.program.kind !== 'ic' || task.state === 'Z')
    return { errno: ESRCH }
  startStatement(m, task, line)
  return {}
}

function spawn(
  m: Machine,
  seat: number,
  { path, argv, env, stdout, ...settings }: MachineCommand & { t: 'spawn' },
): Outcome {
  const shell = findShell(m, seat)
  if (shell === undefined) return { errno: ESRCH }
  const file = normalizePath(path, shell.cwdPath)
  const task = startChild(m, shell, file, argv, env, (child) => {
    if (stdout === 'pipe') attachStream(child, mkStream(m, seat, false))
    return prepareChild(m, child, settings)
  })
  return typeof task === 'number' ? { errno: -task } : { task: task.handle }
}

/** What the child sets for itself before it executes the program: 0 or -errno. */
function prepareChild(m: Machine, child: Task, settings: ChildSettings): number {
  const { nice, oomScoreAdj, rlimits = [] } = settings
  if (nice !== undefined) setNice(child, child, nice)
  for (const { resource, soft, hard } of rlimits) {
    const error = doPrlimit(child, child, resource, { soft, hard })
    if (error < 0) return error
  }
  if (oomScoreAdj === undefined) return 0
  return writeProc(m, child, `/proc/${child.pid}/oom_score_adj`, String(oomScoreAdj))
}

/** Does something as the seat's login shell; what that returns below 0 is the errno. */
function asShell(m: Machine, seat: number, act: (shell: Task) => number): Outcome {
  const shell = findShell(m, seat)
  if (shell === undefined) return { errno: ESRCH }
  m.current = shell
  return outcomeOf(act(shell))
}

function outcomeOf(result: number): Outcome {
  return result < 0 ? { errno: -result } : {}
}

/** Does something in a process of the seat's that is not running. */
function asDebugger(
  m: Machine,
  seat: number,
  handle: Handle,
  act: (task: Task) => Outcome,
): Outcome {
  const task = m.handles.get(handle)
  if (task === undefined || task.seat !== seat || task.mm === null) return { errno: ESRCH }
  m.current = task
  return act(task)
}

function truncatePath(m: Machine, shell: Task, path: string, length: number): number {
  const inode = namei(m, normalizePath(path, shell.cwdPath))
  if (inode === null) return -ENOENT
  if (isDir(inode)) return -EISDIR
  if (!permission(inode, shell, MAY_WRITE) || inode.backing === 'image') return -EACCES
  truncateInode(m, inode, length)
  return 0
}

function writeText(m: Machine, shell: Task, path: string, text: string, append: boolean): number {
  const full = normalizePath(path, shell.cwdPath)
  if (full.startsWith('/proc/')) return writeProc(m, shell, full, text)
  let inode = namei(m, full)
  if (inode === null) {
    const made = createFile(m, full, 0o644, shell)
    if (typeof made === 'number') return made
    inode = made
  } else if (isDir(inode)) return -EISDIR
  else if (!permission(inode, shell, MAY_WRITE) || inode.backing === 'image') return -EACCES
  if (!append) emptyFile(m, inode)
  return writeFile(m, inode, append ? inode.size : 0, encodeUtf8(text), shell.seat)
}
