// The heap's picture: rows, folds, cells, pixels.

import { describe, expect, it } from 'vitest'
import { addChunk, CHUNK_STATES, mkHeapChunks, type HeapChunks } from '@shared/libc/heapWalk.ts'
import { PAGE_ANON, PAGE_UNTOUCHED } from '@shared/proc/addressSpace.ts'
import { chunkInks, chunkLooks, inPattern } from '../../../client/draw/heapLook.ts'
import { layOutHeap, rowOf, runsOf } from '../../../client/draw/heapLayout.ts'
import {
  CELL_EDGE,
  CELL_FOLDED,
  CELL_HEADER,
  CELL_MARK,
  CELL_OUTSIDE,
  CELL_PAGE_EDGE,
  CELL_SELECTED,
  heapCells,
  mkHeapPicture,
  paintHeapRow,
  ROW,
  type HeapSight,
} from '../../../client/draw/heapPaint.ts'
import { contrast, SCREEN } from '../../../client/draw/palette.ts'

const START = 0x1000000
const none = mkHeapChunks(1)

/** Chunks of these sizes and states in a row. */
function row(...sizes: [size: number, state: (typeof CHUNK_STATES)[number]][]): HeapChunks {
  const chunks = mkHeapChunks()
  let at = START
  for (const [size, state] of sizes) {
    addChunk(chunks, at, size, 1, CHUNK_STATES.indexOf(state), 0)
    at += size
  }
  return chunks
}

function sightOf(chunks: HeapChunks, over: Partial<HeapSight> = {}): HeapSight {
  const runs = runsOf(chunks, none).map((run) => ({
    ...run,
    pages: new Uint8Array([PAGE_ANON, PAGE_UNTOUCHED, PAGE_UNTOUCHED]),
    firstPage: START / 4096,
  }))
  return { runs, pageSize: 4096, header: 16, marked: new Set(), selected: 0, ...over }
}

describe('the rows of a heap', () => {
  it('are to scale, and fold what one chunk fills for many rows', () => {
    const chunks = row([656, 'table'], [112, 'used'], [100_000, 'used'], [34_400, 'top'])
    const layout = layOutHeap(runsOf(chunks, none), 512, 20)
    expect(layout.bytesPerRow).toBe(512)
    const spans = [...layout.span].map((span) => span / 512)
    expect(spans).toEqual([1, 1, 1, 192, 1, 1, 1, 65, 1])
    expect(spans.reduce((sum, one) => sum + one) * 512).toBe(0x21000)
    expect(rowOf(layout, START + 50_000)).toBe(3)
    expect(rowOf(layout, START - 1)).toBe(-1)
  })

  it('a huge chunk does not push the others out of sight', () => {
    const chunks = row([32, 'used'], [2 ** 30, 'used'], [32, 'used'], [4064, 'top'])
    expect(layOutHeap(runsOf(chunks, none), 0, 20)).toMatchObject({ bytesPerRow: 512 })
    expect(layOutHeap(runsOf(chunks, none), 512, 20).count).toBeLessThan(20)
  })

  it('take as many bytes as it needs to see all; mapped chunks come last', () => {
    const small = Array.from({ length: 5000 }, () => [32, 'used'] as [number, 'used'])
    const chunks = row(...small)
    const mapped = mkHeapChunks()
    addChunk(mapped, 0x7fff00000000, 0x32000, 2, CHUNK_STATES.indexOf('mmapped'), 0)
    const layout = layOutHeap(runsOf(chunks, mapped), 0, 30)
    expect(layout.count).toBeLessThanOrEqual(30)
    expect(layout.va.at(-1)).toBeGreaterThan(0x7ffe00000000)
  })
})

describe('the cells of a row', () => {
  it('are headers, bytes and edges of chunks, with their pages', () => {
    const chunks = row([32, 'used'], [64, 'tcache'], [160, 'top'])
    const cells = heapCells(sightOf(chunks), START, 256, false, 256)
    const used = CHUNK_STATES.indexOf('used')
    const tcache = CHUNK_STATES.indexOf('tcache')
    expect(cells[0] & 15).toBe(used)
    expect(cells[0] & (CELL_EDGE | CELL_PAGE_EDGE)).toBe(CELL_EDGE | CELL_PAGE_EDGE)
    expect(cells[5] & CELL_HEADER).toBe(CELL_HEADER)
    expect(cells[16] & CELL_HEADER).toBe(0)
    expect(cells[32] & CELL_EDGE).toBe(CELL_EDGE)
    expect(cells[60] & 15).toBe(tcache)
    expect((cells[60] >> 8) & 7).toBe(PAGE_ANON)
  })

  it('where many chunks share one, it has the state that most bytes have', () => {
    const chunks = row(
      ...Array.from(
        { length: 64 },
        (_, i) => [32, i % 4 === 0 ? 'used' : 'fast'] as [number, 'used'],
      ),
    )
    const cells = heapCells(sightOf(chunks), START, 2048, false, 8)
    for (const cell of cells) expect(CHUNK_STATES[cell & 15]).toMatch(/used|fast/)
    expect(cells[0] & CELL_EDGE).toBe(0)
  })

  it('outside of the heap there is nothing; marks, selection and folds are in the cell', () => {
    const chunks = row([64, 'used'], [64, 'used'])
    const sight = sightOf(chunks, { marked: new Set([START + 64]), selected: START })
    const cells = heapCells(sight, START, 256, true, 64)
    expect(cells[63]).toBe(CELL_OUTSIDE)
    expect(cells[2] & (CELL_SELECTED | CELL_MARK | CELL_FOLDED)).toBe(CELL_SELECTED | CELL_FOLDED)
    expect(cells[20] & (CELL_SELECTED | CELL_MARK)).toBe(CELL_MARK)
  })
})

describe('painting a row', () => {
  it('touches only rows that changed', () => {
    const width = 64
    const picture = mkHeapPicture(new Uint32Array(width * ROW * 2), width, 1)
    const chunks = row([64, 'used'], [64, 'top'])
    const cells = () => heapCells(sightOf(chunks), START, 128, false, width)
    expect(paintHeapRow(picture, 0, cells())).toBe(true)
    expect(paintHeapRow(picture, 0, cells())).toBe(false)
    expect(picture.pixels[8 * width + 20]).toBe(chunkInks[0].main)
    chunks.state[0] = CHUNK_STATES.indexOf('tcache')
    expect(paintHeapRow(picture, 0, cells())).toBe(true)
    expect(paintHeapRow(picture, 1, null)).toBe(false)
    expect(paintHeapRow(picture, 0, null)).toBe(true)
    expect(paintHeapRow(picture, 9, cells())).toBe(false)
  })
})

describe('the looks of chunks', () => {
  it('differ in their pattern, or at least in two things', () => {
    const pictures = CHUNK_STATES.map((state) => {
      let text = ''
      for (let y = 0; y < 13; y++)
        for (let x = 0; x < 16; x++) text += inPattern(chunkLooks[state].pattern, x, y, 1) ? 1 : 0
      return text
    })
    const alike = CHUNK_STATES.flatMap((a, i) =>
      CHUNK_STATES.slice(i + 1)
        .filter((_, j) => pictures[i] === pictures[i + 1 + j])
        .map((b) => [a, b]),
    )
    expect(alike).toEqual([['used', 'fence']])
  })

  it('stand out against the screen', () => {
    for (const state of CHUNK_STATES)
      expect(contrast(chunkLooks[state].color, SCREEN), state).toBeGreaterThan(3)
  })
})
