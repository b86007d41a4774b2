// Where the bytes of a heap are drawn: to scale, row by row, like text. What one chunk fills for many rows is folded to
// three, so that a huge one does not push all others out of sight.
//
//   1000000  ▐table▌▐used▌▐used     ▌▐us      a row has a power of two of bytes and begins at a multiple of it
//   1000800  ed▌▐top
//            ┄┄┄ 126 KiB ┄┄┄                   folded
//   1020800                        ▌

import type { HeapChunks } from '@shared/libc/heapWalk.ts'

export interface HeapLayout {
  bytesPerRow: number
  count: number // rows
  va: Float64Array // where each begins
  span: Float64Array // bytes that it stands for: more than bytesPerRow when it is folded
}

/** Bytes in a row that are drawn together: chunk after chunk without a hole. */
export interface HeapRun {
  chunks: HeapChunks
  from: number // first chunk
  to: number // beyond the last
}

export const FEWEST_BYTES = 128
export const MOST_BYTES = 2 ** 22
const FIT_FROM = 512
const FIT_ROWS = 16 // where fewer are in sight one scrolls: a row that says nothing helps nobody
const ROWS_KEPT = 2 ** 18
const FOLDED_FROM = 4 // whole rows of one chunk

/** The chunks in runs without holes, the mapped ones each for itself. */
export function runsOf(chunks: HeapChunks, mapped: HeapChunks): HeapRun[] {
  const runs: HeapRun[] = []
  let from = 0
  for (let i = 1; i <= chunks.count; i++) {
    const { address, size } = chunks
    if (i < chunks.count && address[i - 1] + size[i - 1] === address[i]) continue
    runs.push({ chunks, from, to: i })
    from = i
  }
  for (let i = 0; i < mapped.count; i++) runs.push({ chunks: mapped, from: i, to: i + 1 })
  return runs
}

/** With `bytesPerRow` 0 as many bytes a row as it takes to have all in `fitting` rows, or in a few more. */
export function layOutHeap(runs: HeapRun[], bytesPerRow: number, fitting: number): HeapLayout {
  let bytes = bytesPerRow > 0 ? bytesPerRow : FIT_FROM
  for (;;) {
    const layout = layOut(runs, bytes, bytesPerRow > 0 ? ROWS_KEPT : Math.max(FIT_ROWS, fitting))
    if (layout !== null) return layout
    if (bytes >= MOST_BYTES) return layOut(runs, bytes, Infinity)!
    bytes *= 2
  }
}

/** null: more rows than `most`. */
function layOut(runs: HeapRun[], bytes: number, most: number): HeapLayout | null {
  const va: number[] = []
  const span: number[] = []
  for (const { chunks, from, to } of runs) {
    if (from === to) continue
    const { address, size } = chunks
    const end = address[to - 1] + size[to - 1]
    let i = from
    for (let row = address[from] - (address[from] % bytes); row < end;) {
      if (va.length > most) return null
      while (i + 1 < to && address[i] + size[i] <= row) i++
      const whole = address[i] <= row ? Math.floor((address[i] + size[i] - row) / bytes) : 0
      const spans = whole < FOLDED_FROM ? [1] : [1, whole - 2, 1]
      for (const rows of spans) {
        va.push(row)
        span.push(rows * bytes)
        row += rows * bytes
      }
    }
  }
  if (va.length > most) return null
  return {
    bytesPerRow: bytes,
    count: va.length,
    va: Float64Array.from(va),
    span: Float64Array.from(span),
  }
}

/** The row that the address is in, or the next one. */
export function rowOf({ count, va, span }: HeapLayout, address: number): number {
  // Mapped chunks come last, whatever their addresses: so not by bisection.
  for (let row = 0; row < count; row++)
    if (va[row] <= address && address < va[row] + span[row]) return row
  return -1
}
