// The heap that is looked at: walked once for all that is asked about it, and again when its process has done something.

import { runsOf, type HeapRun } from '../draw/heapLayout.ts'
import { heapIs, pageStates, scanHeap, type Heap, type HeapIs } from '@shared/proc/heap.ts'
import type { Room } from '@shared/room/room.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'

export interface HeapSeen {
  is: HeapIs
  heap: Heap | null // null unless it is there
  runs: HeapRun[]
}

/** Orders in which chunks can be listed. */
export const CHUNK_ORDERS = ['address', 'size', 'state'] as const
export type ChunkOrder = (typeof CHUNK_ORDERS)[number]

export class HeapLook {
  private room: Room | null = null
  private mark = '' // of the moment that was seen
  private seen: HeapSeen = { is: 'gone', heap: null, runs: [] }
  private orders = new Map<ChunkOrder, Uint32Array>()

  see(room: Room, handle: string): HeapSeen {
    const { machine } = room
    const task = machine.handles.get(handle)
    const mark = `${handle} ${markOf(machine, task)}`
    if (room === this.room && mark === this.mark) return this.seen
    this.room = room
    this.mark = mark
    this.orders.clear()
    const is = heapIs(machine, task)
    const heap = is === 'there' ? scanHeap(machine, task!) : null
    const runs = heap === null ? [] : runsOf(heap.row.chunks, heap.mapped)
    this.seen = { is, heap, runs }
    return this.seen
  }

  /** The numbers of all chunks in an order; equal ones by address. */
  order(heap: Heap, by: ChunkOrder): Uint32Array | null {
    if (by === 'address') return null
    const known = this.orders.get(by)
    if (known !== undefined) return known
    const { chunks } = heap.row
    const own = chunks.count
    const keyOf = (index: number): number => {
      const [from, i] = index < own ? [chunks, index] : [heap.mapped, index - own]
      return by === 'size' ? -from.size[i] : from.state[i]
    }
    const count = own + heap.mapped.count
    const keys = Float64Array.from({ length: count }, (_, index) => keyOf(index))
    const order = Uint32Array.from({ length: count }, (_, index) => index)
    order.sort((a, b) => keys[a] - keys[b] || a - b)
    this.orders.set(by, order)
    return order
  }
}

/** While this stays the same, nothing has happened to the process or its pages. */
function markOf({ boots, tasks, vmstat }: Machine, task: Task | undefined): string {
  if (task === undefined || task.mm === null) return `${boots} gone`
  const { utime, minFlt, majFlt, state, mm } = task
  const { brk, rssAnon, rssFile, swapEnts, totalVm, id } = mm
  const own = [utime, minFlt, majFlt, brk, rssAnon, rssFile, swapEnts, totalVm, id]
  return `${boots} ${state} ${own.join(' ')} ${tasks.size} ${vmstat.pgsteal_anon}`
}

/** The pages under a run of chunks. */
export function pagesOf(heap: Heap, { chunks, from, to }: HeapRun) {
  const { pageSize } = heap.m
  const start = chunks.address[from]
  const end = chunks.address[to - 1] + chunks.size[to - 1]
  return { pages: pageStates(heap, start, end), firstPage: Math.floor(start / pageSize) }
}
