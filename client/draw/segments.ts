// An address space as it is drawn on a blackboard: text, data, bss, heap, mappings, stack, and the gaps between them.

import type { Region } from '@shared/proc/addressSpace.ts'

export type SegmentKind =
  'text' | 'data' | 'bss' | 'heap' | 'mapping' | 'shared' | 'file' | 'stack' | 'vdso'

export interface Segment {
  kind: SegmentKind
  name: string // of the file, '' for others
  start: number
  end: number
  pages: number[] // by PAGE_*
  runs: Run[] // lowest address first
}

export interface Run {
  state: number // PAGE_*
  pages: number
}

/** Pieces of one file (text, constants, variables of a library) are one segment; lowest address first. */
export function segmentsOf(regions: readonly Region[], pageSize: number): Segment[] {
  const program = regions[0]?.name ?? ''
  const segments: Segment[] = []
  for (const region of regions) {
    const before = segments[segments.length - 1]
    const kind = kindOf(region, program, before)
    const name = kind === 'file' || kind === 'shared' ? region.name : ''
    const runs = runsOf(region, pageSize)
    if (before?.kind === kind && before.name === name && joins(before, region)) {
      before.end = region.end
      before.pages = before.pages.map((count, state) => count + region.pages[state])
      before.runs.push(...runs)
    } else {
      segments.push({ kind, name, start: region.start, end: region.end, pages: region.pages, runs })
    }
  }
  return segments
}

function kindOf({ name, permissions, start }: Region, program: string, before?: Segment) {
  if (name === '[heap]') return 'heap'
  if (name === '[stack]') return 'stack'
  if (name === '[vdso]' || name === '[vvar]' || name === '[vsyscall]') return 'vdso'
  if (name === program && name !== '') return permissions.includes('x') ? 'text' : 'data'
  // What a program's file does not hold: its variables that begin as zeros lie directly behind the others.
  if (name === '' && before?.kind === 'data' && before.end === start) return 'bss'
  if (permissions[3] === 's') return 'shared'
  return name === '' ? 'mapping' : 'file'
}

/** Each mmap() of one's own stays by itself, unless the kernel has merged it with its neighbour. */
function joins(before: Segment, { start }: Region): boolean {
  return before.kind === 'file' || before.kind === 'vdso' || before.end === start
}

function runsOf({ cells, start, end }: Region, pageSize: number): Run[] {
  const size = (end - start) / pageSize
  const perCell = Math.ceil(size / Math.max(1, cells.length))
  const runs: Run[] = []
  for (let i = 0; i < cells.length; i++) {
    const state = Number(cells[i])
    const pages = Math.min(perCell, size - i * perCell)
    const last = runs[runs.length - 1]
    if (last?.state === state) last.pages += pages
    else if (pages > 0) runs.push({ state, pages })
  }
  return runs
}
