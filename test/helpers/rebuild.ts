// A recorded process put together again on a machine of ours: the same mappings of the same files, the same pages in
// memory. What /proc then says of it must be what was recorded.

import { PTE_ACCESSED, ptePfn, ptePresent } from '../../shared/hw/mmu.ts'
import type { Pfn } from '../../shared/hw/ram.ts'
import { newInode, ROOT } from '../../shared/fs/tree.ts'
import { copyProcess, mmAlloc } from '../../shared/kernel/fork.ts'
import { newTask } from '../../shared/kernel/task.ts'
import { findPage, readPage, setPageDirty } from '../../shared/mm/filemap.ts'
import { faultIn, isAnonymous, unmapPageRange } from '../../shared/mm/memory.ts'
import { doMprotect, mmapRegion } from '../../shared/mm/mmap.ts'
import { followPte } from '../../shared/mm/pgtable.ts'
import { load8 } from '../../shared/mm/uaccess.ts'
import { vmaLookup, vmasOf } from '../../shared/mm/vma.ts'
import { detailKb, parseMaps, type Mapping } from '../../shared/shell/procps/maps.ts'
import { S_IFREG, type Inode } from '../../shared/state/inode.ts'
import type { Machine } from '../../shared/state/machine.ts'
import * as VM from '../../shared/state/mm.ts'
import type { Mm, Vma } from '../../shared/state/mm.ts'
import { PG_ANON, PG_DIRTY } from '../../shared/state/page.ts'
import type { Task } from '../../shared/state/task.ts'

/** Pages of a mapping that the recorded page table had. */
interface Run {
  first: number
  count: number
  file: boolean // of a file or shared memory, else anonymous
  own: boolean // mapped by nobody else
}

/** What was recorded of a process: texts. */
export interface RecordedProcess {
  smaps: string
  pages: string // of tool/pages.c
  stat?: string
}

/** `KIND:FIRST+COUNT` under the line of each mapping. */
function parsePages(text: string): Map<string, Run[]> {
  const runs = new Map<string, Run[]>()
  let last: Run[] = []
  for (const line of text.split('\n')) {
    const start = /^([0-9a-f]+)-/.exec(line)
    if (start !== null) runs.set(start[1], (last = []))
    else
      for (const [, kind, first, count] of line.matchAll(/(P[fx]*):([0-9a-f]+)\+(\d+)/g))
        last.push({
          first: parseInt(first, 16),
          count: Number(count),
          file: kind.includes('f'),
          own: kind.includes('x'),
        })
  }
  return runs
}

const FLAGS: Record<string, number> = {
  rd: VM.VM_READ,
  wr: VM.VM_WRITE,
  ex: VM.VM_EXEC,
  sh: VM.VM_SHARED,
  mr: VM.VM_MAYREAD,
  mw: VM.VM_MAYWRITE,
  me: VM.VM_MAYEXEC,
  ms: VM.VM_MAYSHARE,
  gd: VM.VM_GROWSDOWN,
  pf: VM.VM_PFNMAP,
  io: VM.VM_IO,
  de: VM.VM_DONTEXPAND,
  ac: VM.VM_ACCOUNT,
  dd: VM.VM_DONTDUMP,
  sd: 0, // by the rule for it
}

function flagsOf({ vmFlags }: Mapping): number {
  return vmFlags.split(' ').reduce((flags, name) => flags | FLAGS[name], 0)
}

export class Rebuilder {
  private readonly files = new Map<string, Inode>()
  private readonly recorded = new Map<Task, RecordedProcess>()
  /** Maps what somebody else than the recorded processes had mapped, too. */
  private readonly bystander: Task

  readonly m: Machine

  constructor(m: Machine) {
    this.m = m
    this.bystander = this.newProcess()
  }

  /** A process of its own. `shares`: it has forked, and what it has of anonymous memory may be the child's, too. */
  add(recorded: RecordedProcess, shares = false): Task {
    const task = this.newProcess()
    this.recorded.set(task, recorded)
    const mm = task.mm!
    const runs = parsePages(recorded.pages)
    const mappings = parseMaps(recorded.smaps)
    mappings.forEach((mapping, i) => this.map(task, mapping, i))
    if (recorded.stat !== undefined) setAddresses(mm, recorded.stat, mappings)
    for (const mapping of mappings) {
      const vma = vmaLookup(mm, mapping.startAddress)!
      this.touch(vma, mapping, runs.get(mapping.start) ?? [], shares ? 'written' : 'zero')
    }
    // What was protected once it was written; then neighbours need no mark any more to stay apart.
    for (const mapping of mappings) {
      const end = mapping.startAddress + mapping.size
      if (needsProtection(mapping))
        doMprotect(this.m, task, mm, mapping.startAddress, end, VM.VM_READ)
    }
    mappings.forEach((mapping) => {
      vmaLookup(mm, mapping.startAddress)!.flags = flagsOf(mapping)
    })
    return task
  }

  /** The child of a process that was added, at the same moment. */
  addChild(parent: Task, recorded: RecordedProcess): Task {
    const child = copyProcess(this.m, parent)
    if (typeof child === 'number') throw new Error(`fork: ${child}`)
    child.state = 'S'
    child.wait = { for: 'input' }
    this.recorded.set(child, recorded)
    const runs = parsePages(recorded.pages)
    for (const mapping of parseMaps(recorded.smaps)) {
      const vma = vmaLookup(child.mm!, mapping.startAddress)!
      this.touch(vma, mapping, runs.get(mapping.start) ?? [], 'inherited')
      this.look(child, vma, detailKb(mapping, 'Referenced'))
    }
    return child
  }

  /**
   * Somebody else has mapped as many pages as smaps had shared with one who is not here, and nobody what was a process's
   * own. Which ones is from the list of pages, of a moment later: as far as it goes.
   */
  settleSharing(): void {
    const { page } = this.m.zone
    for (const [task, { smaps, pages }] of this.recorded) {
      const runs = parsePages(pages)
      for (const mapping of parseMaps(smaps)) {
        const vma = vmaLookup(task.mm!, mapping.startAddress)!
        const mapped: { va: number; pfn: Pfn; own: boolean }[] = []
        this.eachPage(vma, runs.get(mapping.start) ?? [], (va, { file, own }) => {
          if (file) mapped.push({ va, pfn: this.frameAt(vma, va), own })
        })
        const kb = detailKb(mapping, 'Shared_Clean') + detailKb(mapping, 'Shared_Dirty')
        const anonymous = detailKb(mapping, 'Anonymous') === 0 ? 0 : this.sharedAnonymous(vma)
        let missing = kb / (this.m.pageSize / 1024) - anonymous
        if (missing === 0 && mapped.length > 0 && vma.special !== '')
          this.leaveAlone(task, vma.special)
        missing -= mapped.filter(({ pfn }) => page.mapcount[pfn] > 1).length
        mapped.sort((a, b) => Number(a.own) - Number(b.own))
        for (const { va, pfn } of mapped) {
          if (missing <= 0) break
          if (page.mapcount[pfn] > 1) continue
          this.mapAside(vma, va)
          missing--
        }
      }
    }
  }

  private sharedAnonymous(vma: Vma): number {
    const { flags, mapcount } = this.m.zone.page
    let count = 0
    for (let va = vma.start; va < vma.end; va += this.m.pageSize) {
      const pte = followPte(this.m, vma.mm, va)
      const pfn = ptePfn(pte)
      if (ptePresent(pte) && (flags[pfn] & PG_ANON) !== 0 && mapcount[pfn] > 1) count++
    }
    return count
  }

  /** The process has looked at so much of the mapping, if it was not at what it has touched, at what it has inherited. */
  private look(task: Task, vma: Vma, kb: number): void {
    const { m } = this
    const isYoung = (va: number) => (followPte(m, vma.mm, va) & PTE_ACCESSED) !== 0
    const pages: number[] = []
    for (let va = vma.start; va < vma.end; va += m.pageSize)
      if (ptePresent(followPte(m, vma.mm, va))) pages.push(va)
    let missing = kb / (m.pageSize / 1024) - pages.filter(isYoung).length
    for (const va of pages) {
      if (missing <= 0) break
      if (isYoung(va)) continue
      load8(m, task, va)
      missing--
    }
  }

  private newProcess(): Task {
    const task = newTask(this.m, this.m.tasks.get(1)!, 0, { kind: 'test' })!
    task.fdSize = 256 // a bash has started it
    task.uid = task.gid = 1000
    task.state = 'S'
    task.wait = { for: 'input' }
    task.mm = mmAlloc(this.m, 0)!
    return task
  }

  private map(task: Task, mapping: Mapping, i: number): void {
    const { startAddress, size, offset, name } = mapping
    const file = this.fileOf(mapping)
    // Alternately marked, so that no two neighbours become one.
    const mark = i % 2 === 0 ? VM.VM_SEQ_READ : VM.VM_RAND_READ
    const write = needsProtection(mapping) ? VM.VM_WRITE : 0
    const special = file === null && /^\[v/.test(name) ? name : ''
    const request = {
      flags: (flagsOf(mapping) & ~VM.VM_ACCOUNT) | write | mark,
      file,
      pgoff: parseInt(offset, 16) / this.m.pageSize,
      special,
    }
    const at = mmapRegion(this.m, task, task.mm!, startAddress, size, request)
    if (at !== startAddress) throw new Error(`${mapping.line}: ${at}`)
  }

  private fileOf({ dev, inode, name, size, offset }: Mapping): Inode | null {
    if (inode === '0') return null
    const key = `${dev}:${inode}`
    let file = this.files.get(key)
    if (file === undefined) {
      const deleted = name.endsWith(' (deleted)')
      const device = name === '/dev/zero'
      const backing = device ? 'zero' : deleted ? 'tmpfs' : 'disk'
      file = newInode(this.m, S_IFREG | 0o644, backing, ROOT)!
      file.name = name.replace(/ \(deleted\)$/, '')
      file.dev = dev
      file.nlink = deleted ? 0 : 1
      this.renumber(file, Number(inode))
      this.files.set(key, file)
    }
    file.size = Math.max(file.size, parseInt(offset, 16) + size)
    return file
  }

  /** The inode gets the recorded number; another one that has it gets the next free one. */
  private renumber(file: Inode, ino: number): void {
    const { inodes, zone } = this.m
    const other = inodes.get(ino)
    for (const [inode, number] of [
      [other, this.m.nextId++],
      [file, ino],
    ] as const) {
      if (inode === undefined || inode.ino === number) continue
      inodes.delete(inode.ino)
      inode.ino = number
      inodes.set(number, inode)
      for (const pfn of inode.pages.values()) zone.page.mapping[pfn] = number
    }
  }

  /**
   * The recorded pages are touched. Of anonymous ones of which the recording says only that others map them, too,
   * `rest` says what they are: the zero page, written before a fork, or there since the fork.
   */
  private touch(
    vma: Vma,
    mapping: Mapping,
    runs: Run[],
    rest: 'zero' | 'written' | 'inherited',
  ): void {
    const { m } = this
    const shared = (vma.flags & VM.VM_SHARED) !== 0
    const dirty = this.filePagesDirty(mapping, runs, rest !== 'zero')
    this.eachPage(vma, runs, (va, { file, own }) => {
      if (!file) {
        if (own || rest === 'written') this.fault(vma, va, true)
        else if (rest === 'zero') this.fault(vma, va, false)
        return
      }
      this.fault(vma, va, shared && dirty)
      const pfn = this.frameAt(vma, va)
      if (dirty && (m.zone.page.flags[pfn] & PG_DIRTY) === 0) setPageDirty(m, pfn)
    })
  }

  /** All of them or none; so it was in every recording. */
  private filePagesDirty(mapping: Mapping, runs: Run[], forked: boolean): boolean {
    const count = (those: Run[]) => those.reduce((sum, run) => sum + run.count, 0)
    const ofFile = count(runs.filter(({ file }) => file))
    const anonymous = count(runs.filter(({ file, own }) => !file && (own || forked)))
    const kb = detailKb(mapping, 'Shared_Dirty') + detailKb(mapping, 'Private_Dirty')
    const dirty = kb / (this.m.pageSize / 1024) - anonymous
    if (dirty !== 0 && dirty !== ofFile) throw new Error(`${mapping.line}: some are dirty`)
    return dirty > 0
  }

  private eachPage(vma: Vma, runs: Run[], visit: (va: number, run: Run) => void): void {
    const { pageSize } = this.m
    for (const run of runs)
      for (let page = run.first; page < run.first + run.count; page++)
        visit(vma.start + page * pageSize, run)
  }

  /** This page alone: for the while the file has no other, in memory or on the disk, that could come with it. */
  private fault(vma: Vma, va: number, write: boolean): void {
    const { m } = this
    const { file } = vma
    if (file === null || isAnonymous(vma)) {
      faultIn(m, vma, va, write)
      return
    }
    const index = vma.pgoff + (va - vma.start) / m.pageSize
    readPage(m, file, index, 0)
    const { pages, blocks } = file
    file.pages = new Map([[index, findPage(file, index)]])
    file.blocks = new Map()
    faultIn(m, vma, va, write)
    file.pages = pages
    file.blocks = new Map([...blocks, ...file.blocks])
  }

  private frameAt(vma: Vma, va: number): Pfn {
    const pte = followPte(this.m, vma.mm, va)
    if (!ptePresent(pte)) throw new Error(`${va.toString(16)} is not there`)
    return ptePfn(pte)
  }

  private mapAside({ file, flags, special, pgoff, start }: Vma, va: number): void {
    const { m, bystander } = this
    const mm = bystander.mm!
    const request = {
      flags: flags & ~VM.VM_ACCOUNT & ~VM.VM_WRITE,
      file,
      pgoff: pgoff + (va - start) / m.pageSize,
      special,
    }
    if (vmaLookup(mm, va) === undefined) mmapRegion(m, bystander, mm, va, m.pageSize, request)
    this.fault(vmaLookup(mm, va)!, va, false)
  }

  /** Nobody but these processes has anything of that mapping. */
  private leaveAlone(task: Task, special: string): void {
    for (const other of this.m.tasks.values())
      if (!this.recorded.has(other))
        for (const vma of vmasOf(other.mm))
          if (vma.special === special && other !== task)
            unmapPageRange(this.m, vma, vma.start, vma.end)
  }
}

/** It was writable until it was written. */
function needsProtection({ vmFlags }: Mapping): boolean {
  return /\bac\b/.test(vmFlags) && !/\bwr\b/.test(vmFlags)
}

/** Where code, data, heap, stack and arguments lie, as fields of /proc/PID/stat. */
function setAddresses(mm: Mm, stat: string, mappings: Mapping[]): void {
  const field = stat.slice(stat.lastIndexOf(')')).split(' ') // field[1] is the third
  const address = (number: number) => Number(field[number - 2])
  mm.startCode = address(26)
  mm.endCode = address(27)
  mm.startStack = address(28)
  mm.startData = address(45)
  mm.endData = address(46)
  mm.startBrk = address(47)
  mm.argStart = address(48)
  mm.argEnd = address(49)
  const heap = mappings.filter(({ name, startAddress }) => {
    return name === '[heap]' && startAddress >= mm.startBrk
  })
  const last = heap.at(-1)
  mm.brk = last === undefined ? mm.startBrk : last.startAddress + last.size
}
