// fork(): a copy of the task with a copy-on-write copy of its memory (kernel/fork.c).

import { roundUp } from '../lib/bits.ts'
import { EAGAIN, ENOMEM } from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import { VM_DONTCOPY, type Mm } from '../state/mm.ts'
import { NO_PFN } from '../state/page.ts'
import { RLIM_INFINITY, type Program, type Task } from '../state/task.ts'
import { dupMmap } from '../mm/memory.ts'
import { exitMmap, vmStatAccount } from '../mm/mmap.ts'
import { putPage } from '../mm/pageAlloc.ts'
import { pgdAlloc } from '../mm/pgtable.ts'
import { kmemCacheAlloc, kmemCacheFree } from '../mm/slab.ts'
import { mkVmaTree, vmaPages, vmasOf } from '../mm/vma.ts'
import { emit } from '../trace/trace.ts'
import { attachStream } from './stream.ts'
import { copyProgram, freeTask, newTask } from './task.ts'

/** An empty address space; null when there is no memory. */
export function mmAlloc(m: Machine, seat: number): Mm | null {
  if (!kmemCacheAlloc(m, 'mm_struct')) return null
  const pgd = pgdAlloc(m, seat)
  if (pgd === NO_PFN) {
    kmemCacheFree(m, 'mm_struct')
    return null
  }
  return {
    id: m.nextId++,
    pageSize: m.pageSize,
    users: 1,
    pgd,
    vmas: mkVmaTree(),
    mmapBase: m.layout.mmapBase,
    exe: null,
    startCode: 0,
    endCode: 0,
    startData: 0,
    endData: 0,
    startBrk: 0,
    brk: 0,
    startStack: 0,
    argStart: 0,
    argEnd: 0,
    libcData: 0,
    libcRodata: 0,
    defFlags: 0,
    totalVm: 0,
    lockedVm: 0,
    dataVm: 0,
    stackVm: 0,
    execVm: 0,
    hiwaterVm: 0,
    hiwaterRss: 0,
    rssAnon: 0,
    rssFile: 0,
    rssShmem: 0,
    swapEnts: 0,
    pageTables: 0,
    oomSkip: false,
    seat,
  }
}

/** Drops a user of the address space; the last one takes it down. */
export function mmPut(m: Machine, mm: Mm): void {
  if (--mm.users > 0) return
  if (mm.exe !== null) {
    mm.exe.count--
    mm.exe.inode.users--
  }
  exitMmap(m, mm)
  putPage(m, mm.pgd)
  kmemCacheFree(m, 'mm_struct')
}

/**
 * fork(2): the child, runnable, or -errno. `program` is what the child executes: a copy of the parent's unless given.
 * The fuel that the copying costs is the parent's debt.
 */
export function copyProcess(m: Machine, parent: Task, program?: Program): Task | number {
  if (!mayHaveProcess(m, parent)) return -EAGAIN
  const child = newTask(m, parent, parent.seat, program ?? copyProgram(parent.program))
  if (child === null) return -ENOMEM
  if (!copyMm(m, parent, child)) {
    parent.children.splice(parent.children.indexOf(child), 1)
    freeTask(m, child)
    return -ENOMEM
  }
  for (const file of parent.files) {
    if (file !== null) file.count++
    child.files.push(file)
  }
  child.fdSize = fdSizeOf(m, parent)
  attachStream(child, parent.stdout)
  parent.debt += (child.mm?.rssAnon ?? 0) * 4
  m.stat.processes++
  if (m.trace.on.sched_process_fork) {
    emit(m.trace, m.ticks, parent.pid, 'sched_process_fork', {
      parent_comm: parent.comm,
      parent_pid: parent.pid,
      child_comm: child.comm,
      child_pid: child.pid,
    })
  }
  return child
}

/** Room in the child's table: for what is open, whole words of bits (sane_fdtable_size). A bash has its terminal open as 255. */
function fdSizeOf({ layout }: Machine, { files, program }: Task): number {
  let count = program.kind === 'shell' ? 256 : files.length
  while (count > 0 && count <= files.length && files[count - 1] === null) count--
  return Math.max(roundUp(count, layout.bits), layout.bits)
}

/** RLIMIT_NPROC: the processes of a user, root's are not counted. */
function mayHaveProcess(m: Machine, task: Task): boolean {
  const { soft } = task.rlimits.nproc
  if (task.uid === 0 || soft === RLIM_INFINITY) return true
  let count = 0
  for (const other of m.tasks.values()) if (other.uid === task.uid) count++
  return count < soft
}

function copyMm(m: Machine, parent: Task, child: Task): boolean {
  const from = parent.mm
  if (from === null) return true
  const mm = mmAlloc(m, parent.seat)
  if (mm === null) return false
  const { id, pgd } = mm
  Object.assign(mm, from, {
    id,
    pgd,
    users: 1,
    exe: null,
    vmas: mkVmaTree(),
    defFlags: 0,
    lockedVm: 0,
    rssAnon: 0,
    rssFile: 0,
    rssShmem: 0,
    swapEnts: 0,
    pageTables: 0,
    oomSkip: false,
  })
  if (!dupMmap(m, parent, from, mm)) {
    mmPut(m, mm)
    return false
  }
  if (from.exe !== null) {
    mm.exe = from.exe
    mm.exe.count++
    mm.exe.inode.users++
  }
  for (const vma of vmasOf(from))
    if ((vma.flags & VM_DONTCOPY) !== 0) vmStatAccount(mm, vma.flags, -vmaPages(vma))
  mm.hiwaterVm = mm.totalVm
  mm.hiwaterRss = mm.rssAnon + mm.rssFile + mm.rssShmem
  child.mm = mm
  return true
}
