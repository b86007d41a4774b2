// A person sits down: sshd accepts, a login shell starts, and in it a process at a C prompt.

import { ENOENT, ESRCH } from '../lib/errno.ts'
import { nextBelow } from '../lib/prng.ts'
import type { Machine } from '../state/machine.ts'
import { SIGINT, SIGKILL, type Task } from '../state/task.ts'
import { syslog } from '../state/printk.ts'
import { mkIcProgram } from '../ic/program.ts'
import { ROOT, mkdir, namei } from '../fs/tree.ts'
import { doExecve } from '../kernel/exec.ts'
import { doExit } from '../kernel/exit.ts'
import { copyProcess } from '../kernel/fork.ts'
import { sendSignal } from '../kernel/signal.ts'
import { attachStream, mkStream } from '../kernel/stream.ts'
import { allocPid } from '../kernel/task.ts'
import { sigMask } from '../mm/oomKill.ts'
import { traceExecve } from '../syscall/strace.ts'
import type { Outcome } from './machine.ts'
import type { Role } from './command.ts'

const FIRST_STUDENT_UID = 1000

/** Makes the seat's user and starts what belongs to a seat. The outcome's task is the C prompt. */
export function login(m: Machine, seat: number, name: string, role: Role, from: string): Outcome {
  const uid = addUser(m, seat, name, role)
  // sshd forks a child for each connection; its number is all that is seen of it.
  const port = 49152 + nextBelow(m.prng, 16384)
  syslog(
    m,
    `sshd[${allocPid(m)}]`,
    `Accepted publickey for ${m.users.get(uid)!} from ${from} port ${port} ssh2`,
  )
  return settle(m, seat, uid)
}

/** The seat gets its user; the uid. */
export function addUser(m: Machine, seat: number, name: string, role: Role): number {
  if (!m.births.has(seat)) m.births.set(seat, 0)
  m.logins.set(seat, role === 'teacher' ? 'root' : 'user')
  if (role === 'teacher') return 0
  const uid = FIRST_STUDENT_UID + seat
  m.users.set(uid, loginName(m, name))
  return uid
}

/** Whose processes the seat's are. */
export function uidOf(m: Machine, seat: number): number {
  const uid = FIRST_STUDENT_UID + seat
  return m.users.has(uid) && m.logins.get(seat) !== 'root' ? uid : 0
}

/** From now on the seat is root, or its own user again, as by `sudo -i` and leaving it; what runs stays whose it was. */
export function setRole(m: Machine, seat: number, role: Role): number {
  if (!m.users.has(FIRST_STUDENT_UID + seat)) return -ESRCH
  m.logins.set(seat, role === 'teacher' ? 'root' : 'user')
  const shell = findShell(m, seat)
  if (shell !== undefined) shell.uid = shell.gid = uidOf(m, seat)
  return 0
}

/** The seat is thrown out: none of its processes lives on. */
export function logout(m: Machine, seat: number): number {
  if (!m.logins.has(seat)) return -ESRCH
  m.logins.set(seat, 'none')
  for (const task of m.tasks.values()) if (task.seat === seat) sendSignal(m, task, SIGKILL)
  const user = m.users.get(FIRST_STUDENT_UID + seat) ?? 'root'
  syslog(m, `sshd[${sshd(m).pid}]`, `pam_unix(sshd:session): session closed for user ${user}`)
  return 0
}

/** A seat that was thrown out gets a shell and a C prompt again. */
export function readmit(m: Machine, seat: number): Outcome {
  if (m.logins.get(seat) !== 'none') return {}
  m.logins.set(seat, m.users.has(FIRST_STUDENT_UID + seat) ? 'user' : 'root')
  return m.panic === '' ? settle(m, seat, uidOf(m, seat)) : {}
}

/** Home directory, terminal, login shell and a C prompt. */
export function settle(m: Machine, seat: number, uid: number): Outcome {
  if (uid !== 0) makeHome(m, uid)
  mkStream(m, seat, true)
  return startPrompt(m, seat, uid)
}

function makeHome(m: Machine, uid: number): void {
  const path = `/home/${m.users.get(uid)!}`
  if (mkdir(m, path, 0o755, ROOT) !== 0) return
  const home = namei(m, path)!
  home.uid = uid
  home.gid = uid
}

/** A process at a C prompt for the seat; its login shell is started anew if it is gone. */
export function startPrompt(m: Machine, seat: number, uid: number, env: string[] = []): Outcome {
  const shell = findShell(m, seat) ?? startShell(m, seat, uid)
  if (typeof shell === 'number') return { errno: -shell }
  const task = startChild(m, shell, '/usr/bin/ic', ['ic'], env, (child) => {
    attachStream(child, mkStream(m, seat, false))
    return 0
  })
  if (typeof task === 'number') return { errno: -task }
  task.program = mkIcProgram()
  task.caught = sigMask(SIGINT)
  task.state = 'S'
  task.wait = { for: 'input' }
  return { task: task.handle }
}

/** The seat's login shell: there is one, unless it has been killed. */
export function findShell(m: Machine, seat: number): Task | undefined {
  for (const task of m.tasks.values()) {
    if (task.seat === seat && task.program.kind === 'shell' && task.state !== 'Z') return task
  }
  return undefined
}

function startShell(m: Machine, seat: number, uid: number): Task | number {
  const daemon = sshd(m)
  m.current = daemon
  const task = copyProcess(m, daemon, { kind: 'shell' })
  m.current = null
  if (typeof task === 'number') return task
  const user = m.users.get(uid) ?? 'nobody'
  const home = uid === 0 ? '/root' : `/home/${user}`
  adoptSeat(m, task, seat)
  task.uid = uid
  task.gid = uid
  task.oomAdj = 0
  task.oomScoreAdj = 0
  task.oomScoreAdjMin = 0
  task.cwd = namei(m, home) ?? m.root
  task.cwdPath = home
  task.session = task.pid
  task.pgrp = task.pid
  m.current = task
  const error = doExecve(m, task, '/bin/bash', ['-bash'], { kind: 'shell' })
  m.current = null
  if (error < 0) {
    doExit(m, task, 127 << 8)
    return error
  }
  for (const stream of m.streams.values())
    if (stream.seat === seat && stream.terminal) attachStream(task, stream)
  task.fdSize = 256
  task.state = 'S'
  task.wait = { for: 'input' }
  return task
}

/** sshd's child becomes the seat's first or next process. */
function adoptSeat(m: Machine, task: Task, seat: number): void {
  m.handles.delete(task.handle)
  const birth = (m.births.get(seat) ?? 0) + 1
  m.births.set(seat, birth)
  task.seat = seat
  task.handle = `${seat}.${birth}`
  m.handles.set(task.handle, task)
}

/** The shell forks, the child executes a program; `before` runs in between and may refuse. The child, or -errno. */
export function startChild(
  m: Machine,
  shell: Task,
  path: string,
  argv: string[],
  env: string[],
  before: (child: Task) => number,
): Task | number {
  m.current = shell
  const task = copyProcess(m, shell, { kind: 'exec' })
  m.current = null
  if (typeof task === 'number') return task
  const refused = before(task)
  task.pgrp = task.pid
  m.current = task
  const error = refused < 0 ? refused : doExecve(m, task, path, argv, { kind: 'exec' }, env)
  m.current = null
  if (error < 0) {
    doExit(m, task, (error === -ENOENT ? 127 : 126) << 8)
    return error
  }
  traceExecve(m, task, path, argv, shell.mm?.argEnd ?? 0)
  return task
}

/** sshd, or init if somebody has ended it. */
function sshd(m: Machine): Task {
  for (const task of m.tasks.values())
    if (task.comm === 'sshd' && task.seat === 0 && task.mm !== null) return task
  return m.tasks.get(1)!
}

/** A login name from a person's: lower case letters and digits, unique on this machine. */
function loginName(m: Machine, name: string): string {
  const taken = new Set(m.users.values())
  const base =
    name
      .toLowerCase()
      .normalize('NFD')
      .replace(/[^a-z0-9]/g, '')
      .replace(/^\d+/, '')
      .slice(0, 12) || 'user'
  if (!taken.has(base)) return base
  for (let n = 2; ; n++) if (!taken.has(`${base}${n}`)) return `${base}${n}`
}
