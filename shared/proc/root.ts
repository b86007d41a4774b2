// The tree of /proc: what there is, whose it is, what is in it. Reading never changes the machine.
//
//   /proc/meminfo …          of the machine
//   /proc/sys/kernel, vm     what can be set
//   /proc/PID/…              of a process (base.ts)
//   /proc/self               a link to the reader's own

import { EACCES, EISDIR, ENOENT, ENOTDIR } from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { mayAccess, pidFiles } from './base.ts'
import { procBuddyinfo } from './buddyinfo.ts'
import { procKernelStat } from './kernelStat.ts'
import { procMeminfo } from './meminfo.ts'
import { procPressureMemory } from './pressure.ts'
import { procSlabinfo } from './slabinfo.ts'
import { procSwaps } from './swaps.ts'
import { findSysctl, sysctlFiles, type SysctlFile } from './sysctl.ts'
import { procLoadavg, procUptime } from './uptime.ts'
import { bootCommandLine, procVersion } from './version.ts'
import { procVmstat } from './vmstat.ts'
import { procPagetypeinfo, procZoneinfo } from './zoneinfo.ts'

export interface ProcDir {
  kind: 'dir'
  mode: number
  uid: number
  names: () => string[]
}

export interface ProcLink {
  kind: 'link'
  mode: number
  uid: number
  target: string
}

export interface ProcFile {
  kind: 'file'
  mode: number
  uid: number
  strict?: boolean // root must keep to the mode, too
  show: (uid: number) => string | { errno: number }
  task?: Task // of a process's file: the process
  sysctl?: SysctlFile
}

export type ProcNode = ProcDir | ProcLink | ProcFile

interface RootFile {
  name: string
  mode: number
  show: (m: Machine) => string
}

const ROOT_FILES: RootFile[] = [
  { name: 'buddyinfo', mode: 0o444, show: procBuddyinfo },
  { name: 'cmdline', mode: 0o444, show: (m) => bootCommandLine(m) + '\n' },
  { name: 'loadavg', mode: 0o444, show: procLoadavg },
  { name: 'meminfo', mode: 0o444, show: procMeminfo },
  { name: 'pagetypeinfo', mode: 0o400, show: procPagetypeinfo },
  { name: 'pressure/memory', mode: 0o666, show: procPressureMemory },
  { name: 'slabinfo', mode: 0o400, show: procSlabinfo },
  { name: 'stat', mode: 0o444, show: procKernelStat },
  { name: 'swaps', mode: 0o444, show: procSwaps },
  { name: 'sysrq-trigger', mode: 0o200, show: () => '' },
  { name: 'uptime', mode: 0o444, show: procUptime },
  { name: 'version', mode: 0o444, show: procVersion },
  { name: 'vmstat', mode: 0o444, show: procVmstat },
  { name: 'zoneinfo', mode: 0o444, show: procZoneinfo },
]

/** What the path below /proc names. `self` is the reader's pid, 0 if it has none. */
export function findProc(m: Machine, path: string, self = 0): ProcNode | null {
  const [top, ...parts] = path.split('/').filter((part) => part !== '' && part !== '.')
  if (top !== 'proc') return null
  return findIn(m, parts, self)
}

function findIn(m: Machine, parts: string[], self: number): ProcNode | null {
  if (parts.length === 0) return rootDir(m, self)
  const [first, ...rest] = parts
  if (first === 'self') {
    if (!m.tasks.has(self)) return null
    if (rest.length === 0) return { kind: 'link', mode: 0o777, uid: 0, target: String(self) }
    return findIn(m, [String(self), ...rest], self)
  }
  if (first === 'sys') return findSys(m, rest)
  if (/^[1-9]\d{0,9}$/.test(first)) return findPid(m, Number(first), rest)
  if (first === 'pressure' && rest.length === 0) return dir(0, () => ['memory'])
  const file = ROOT_FILES.find(({ name }) => name === parts.join('/'))
  if (file === undefined) return null
  return { kind: 'file', mode: file.mode, uid: 0, show: () => file.show(m) }
}

function rootDir(m: Machine, self: number): ProcDir {
  const names = ROOT_FILES.map(({ name }) => name.split('/')[0])
  if (m.tasks.has(self)) names.push('self')
  names.push('sys')
  return dir(0, () => [...pids(m), ...names])
}

function pids(m: Machine): string[] {
  return [...m.tasks.keys()].sort((a, b) => a - b).map(String)
}

function findPid(m: Machine, pid: number, rest: string[]): ProcNode | null {
  const task = m.tasks.get(pid)
  if (task === undefined || rest.length > 1) return null
  if (rest.length === 0) return dir(task.uid, () => pidFiles(m).map(({ name }) => name))
  const file = pidFiles(m).find(({ name }) => name === rest[0])
  if (file === undefined) return null
  const show = (uid: number) => file.show(m, task, mayAccess(task, uid))
  return { kind: 'file', mode: file.mode, uid: task.uid, show, task }
}

function findSys(m: Machine, rest: string[]): ProcNode | null {
  const path = rest.join('/')
  const sysctl = findSysctl(m, path)
  if (sysctl !== null) {
    const { mode } = sysctl
    return { kind: 'file', mode, uid: 0, strict: true, show: () => lineOf(sysctl.get(m)), sysctl }
  }
  const below = path === '' ? '' : path + '/'
  const inside = sysctlFiles(m).filter((file) => file.path.startsWith(below))
  if (inside.length === 0) return null
  const names = inside.map((file) => file.path.slice(below.length).split('/')[0])
  return dir(0, () => [...new Set(names)])
}

/** A file without a value is empty. */
function lineOf(value: string): string {
  return value === '' ? '' : value + '\n'
}

function dir(uid: number, names: () => string[]): ProcDir {
  return { kind: 'dir', mode: 0o555, uid, names }
}

/** Whether the permission bits let the user do it: 4 read, 2 write. One group is enough here: everyone has their own. */
export function mayOpen(node: ProcNode, uid: number, want: number): boolean {
  if (uid === 0 && !(node.kind === 'file' && node.strict === true)) return true
  const bits = uid === node.uid ? node.mode >> 6 : node.mode
  return (bits & want) === want
}

/** The text of a file; `uid` is the reader, `self` its pid if it has one. */
export function readProc(
  m: Machine,
  path: string,
  uid: number,
  self = 0,
): { text: string } | { errno: number } {
  const node = findProc(m, path, self)
  if (node === null) return { errno: ENOENT }
  if (node.kind !== 'file') return { errno: EISDIR }
  if (!mayOpen(node, uid, 4)) return { errno: EACCES }
  const shown = node.show(uid)
  return typeof shown === 'string' ? { text: shown } : shown
}

/** The names in a directory. */
export function listProc(
  m: Machine,
  path: string,
  _uid: number,
  self = 0,
): { names: string[] } | { errno: number } {
  const node = findProc(m, path, self)
  if (node === null) return { errno: ENOENT }
  if (node.kind !== 'dir') return { errno: ENOTDIR }
  return { names: node.names() }
}
