// The heap's pixels. Pure: from chunks and pages to rows of cells, a cell a pixel wide, and from cells to pixels, only
// where a row differs from what is there.

import { chunkIndexAt, type HeapChunks } from '@shared/libc/heapWalk.ts'
import { chunkInks, inPattern, pageInks } from './heapLook.ts'
import { pixelOf, rgbOf, SCREEN } from './palette.ts'

/** What is drawn. */
export interface HeapSight {
  runs: { chunks: HeapChunks; from: number; to: number; pages: Uint8Array; firstPage: number }[]
  pageSize: number
  header: number // bytes of a chunk's header
  marked: ReadonlySet<number> // chunks that the last statement changed
  selected: number // chunk, 0: none
}

export interface HeapPicture {
  pixels: Uint32Array
  width: number
  scale: number // device pixels of a CSS pixel
  shown: (Uint16Array | null)[] // per row: the cells that were painted
}

// A cell: the state in the low four bits, then
export const CELL_HEADER = 0x10
export const CELL_EDGE = 0x20 // a chunk begins
export const CELL_MARK = 0x40
export const CELL_SELECTED = 0x80
const PAGE_SHIFT = 8
export const CELL_PAGE_EDGE = 0x800
export const CELL_OUTSIDE = 0x1000
export const CELL_FOLDED = 0x2000

export const BAND = 13 // CSS pixels, from here on
const LANE = 3
const GAP = 3
export const ROW = BAND + 1 + LANE + GAP

const EDGE_FROM = 3 // pixels that a chunk is wide for its edge to be drawn
const PAGE_EDGE_FROM = 6

const background = pixelOf(rgbOf(SCREEN))
const white = pixelOf(rgbOf('#ffffff'))
const pageEdge = pixelOf(rgbOf('#e7ebf0'))

export function mkHeapPicture(pixels: Uint32Array, width: number, scale: number): HeapPicture {
  pixels.fill(background)
  const rows = Math.floor(pixels.length / width / (ROW * scale))
  return { pixels, width, scale, shown: new Array<Uint16Array | null>(rows).fill(null) }
}

/** The cells of the row of `span` bytes from `va` on. */
export function heapCells(
  sight: HeapSight,
  va: number,
  span: number,
  folded: boolean,
  width: number,
): Uint16Array {
  const cells = new Uint16Array(width).fill(CELL_OUTSIDE)
  for (const run of sight.runs) {
    const { chunks, from, to } = run
    const [start, end] = [chunks.address[from], chunks.address[to - 1] + chunks.size[to - 1]]
    if (end <= va || start >= va + span) continue
    fillRun(sight, run, va, span, folded, cells)
  }
  return cells
}

function fillRun(
  sight: HeapSight,
  { chunks, from, to, pages, firstPage }: HeapSight['runs'][number],
  va: number,
  span: number,
  folded: boolean,
  cells: Uint16Array,
): void {
  const { address, size, state } = chunks
  const { pageSize, header, marked, selected } = sight
  const perCell = span / cells.length
  const begin = Math.max(va, address[from])
  let i = Math.max(from, chunkIndexAt(chunks, begin))
  for (let x = Math.max(0, Math.floor((begin - va) / perCell)); x < cells.length; x++) {
    const a = va + x * perCell
    const b = a + perCell
    while (i < to && address[i] + size[i] <= a) i++
    if (i === to) return
    if (b <= address[i]) continue
    const most = mostOf(chunks, i, to, a, b)
    let cell = state[most]
    const start = address[most]
    const wide = size[most] / perCell
    if (start >= a && wide >= EDGE_FROM) cell |= CELL_EDGE
    else if (start < a && a < start + header && wide >= 2 * EDGE_FROM) cell |= CELL_HEADER
    if (marked.size > 0 && anyMarked(chunks, i, to, b, marked)) cell |= CELL_MARK
    if (start === selected) cell |= CELL_SELECTED
    if (folded) cell |= CELL_FOLDED
    const page = Math.floor(Math.max(a, begin) / pageSize)
    cell |= (pages[page - firstPage] ?? 0) << PAGE_SHIFT
    if (isPageEdge(a, b, pageSize) && pageSize / perCell >= PAGE_EDGE_FROM) cell |= CELL_PAGE_EDGE
    cells[x] = cell
  }
}

function isPageEdge(a: number, b: number, pageSize: number): boolean {
  return a % pageSize === 0 || Math.floor(a / pageSize) !== Math.floor((b - 1e-6) / pageSize)
}

/** The chunk that has most of the bytes in [a, b), of those from `i` on. */
function mostOf(
  { address, size }: HeapChunks,
  i: number,
  to: number,
  a: number,
  b: number,
): number {
  let best = i
  let most = 0
  for (let k = i; k < to && address[k] < b; k++) {
    const bytes = Math.min(b, address[k] + size[k]) - Math.max(a, address[k])
    if (bytes > most) {
      most = bytes
      best = k
    }
  }
  return best
}

function anyMarked(
  { address }: HeapChunks,
  i: number,
  to: number,
  b: number,
  marked: ReadonlySet<number>,
): boolean {
  for (let k = i; k < to && address[k] < b; k++) if (marked.has(address[k])) return true
  return false
}

/** Paints the cells as row number `row`; true if they differ from what is there. `null`: an empty row. */
export function paintHeapRow(
  picture: HeapPicture,
  row: number,
  cells: Uint16Array | null,
): boolean {
  const before = picture.shown[row]
  if (before === undefined || (before === null && cells === null)) return false
  if (before !== null && cells !== null && same(before, cells)) return false
  picture.shown[row] = cells
  const { pixels, width, scale } = picture
  const top = row * ROW * scale
  pixels.fill(background, top * width, (top + ROW * scale) * width)
  if (cells === null) return true
  for (let x = 0; x < width; x++) {
    if ((cells[x] & CELL_OUTSIDE) === 0) paintCell(picture, x, top, cells[x])
  }
  return true
}

function same(a: Uint16Array, b: Uint16Array): boolean {
  if (a.length !== b.length) return false
  for (let x = 0; x < a.length; x++) if (a[x] !== b[x]) return false
  return true
}

function paintCell(
  { pixels, width, scale }: HeapPicture,
  x: number,
  top: number,
  cell: number,
): void {
  const ink = chunkInks[cell & 15]
  const band = BAND * scale
  const folded = (cell & CELL_FOLDED) !== 0
  for (let y = 0; y < band; y++) {
    let pixel = inPattern(ink.pattern, x, top + y, scale) ? ink.second : ink.main
    if ((cell & CELL_HEADER) !== 0) pixel = ink.header
    if (folded && y > 2 * scale && y < band - 2 * scale) pixel = background
    if ((cell & CELL_EDGE) !== 0) pixel = background
    if ((cell & CELL_SELECTED) !== 0 && (y < 2 * scale || y >= band - 2 * scale)) pixel = white
    if ((cell & CELL_MARK) !== 0 && y < 3 * scale && y >= scale) pixel = white
    pixels[(top + y) * width + x] = pixel
  }
  const lane = pageInks[(cell >> PAGE_SHIFT) & 7]
  const dashed = lane.dash > 0 && (Math.floor(x / (lane.dash * scale)) & 1) !== 0
  for (let y = band + scale; y < band + scale + LANE * scale; y++)
    pixels[(top + y) * width + x] = dashed ? lane.second : lane.main
  if ((cell & CELL_PAGE_EDGE) !== 0) {
    for (let y = band - 4 * scale; y < band + (1 + LANE) * scale; y++)
      pixels[(top + y) * width + x] = pageEdge
  }
}
