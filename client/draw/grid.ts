// Where each frame lies on the map: rows of square cells, frame 0 at the top left.
//
// The cells are as large as the space allows. When they would be smaller than two pixels, one cell stands for
// several frames; zooming in brings the single ones back, and then the map scrolls.

export interface Grid {
  frames: number // of the machine
  width: number // of a cell in device pixels, the gap included
  height: number
  gap: number
  cols: number
  rows: number // shown
  perCell: number // frames of one cell
  first: number // frame of the top left cell
}

/** What is asked of a map: its size in device pixels, and how far one looks into it. */
export interface Space {
  width: number
  height: number
  zoom: number // 0: all of it; each step doubles the cell
  first: number // frame that shall be in the first row
}

interface Cells {
  width: number
  height: number
  cols: number
}

const SMALLEST = 2
const ALIGN = 16 // columns in multiples of this: rows begin at round frame numbers
const LARGEST = 64
const SLIM = 1.5 // the most that a cell is longer one way than the other
const GAP_FROM = 5 // pixels from which cells stand apart
const STAYS = 0.6 // of the area that cells could have, for which the columns stay as they are

/** `stay` is what was drawn at another height: a banner above the map is no reason to put every frame elsewhere. */
export function fitGrid(frames: number, space: Space, stay: Grid | null = null): Grid {
  let perCell = 1
  let cells = fitCells(frames, space)
  while (cells === null) {
    perCell *= 2
    cells = fitCells(Math.ceil(frames / perCell), space)
  }
  if (stay?.frames === frames && stay.perCell === perCell) {
    const { width, cols } = stay
    const kept = tallCells(Math.ceil(frames / perCell), space, { width, cols })
    if (kept !== null && worthOf(kept) >= STAYS * worthOf(cells)) cells = kept
  }
  for (let step = 0; step < space.zoom; step++) {
    if (perCell > 1) perCell /= 2
    else if (cells.width * 2 > LARGEST) break
    else cells = { ...sized(space.width, cells.width * 2), height: cells.height * 2 }
  }
  const { width, height, cols } = cells
  const all = Math.ceil(frames / perCell / cols)
  const rows = Math.max(1, Math.min(all, Math.floor(space.height / height)))
  const row = Math.max(0, Math.min(Math.floor(space.first / perCell / cols), all - rows))
  return {
    frames,
    width,
    height,
    gap: Math.min(width, height) >= GAP_FROM ? 1 : 0,
    cols,
    rows,
    perCell,
    first: row * cols * perCell,
  }
}

/** The largest cells with which all fit, square ones rather than others; null if they would be too small to see. */
function fitCells(count: number, space: Space): Cells | null {
  let best: Cells | null = null
  for (let width = SMALLEST; width <= LARGEST; width++) {
    const cells = tallCells(count, space, sized(space.width, width))
    if (cells !== null && (best === null || worthOf(cells) > worthOf(best))) best = cells
  }
  return count <= 1 ? { width: SMALLEST, height: SMALLEST, cols: 1 } : best
}

/** Cells of this width, as tall as they can be; null if that is not tall enough. */
function tallCells(
  count: number,
  space: Space,
  { width, cols }: Pick<Cells, 'width' | 'cols'>,
): Cells | null {
  const fitting = Math.floor(space.height / Math.ceil(count / cols))
  const height = Math.min(fitting, Math.floor(width * SLIM), LARGEST)
  if (height < SMALLEST || height * SLIM < width || cols * width > space.width) return null
  return { width, height, cols }
}

const worthOf = ({ width, height }: Cells) => width * height - Math.abs(width - height) / 4

function sized(space: number, width: number): { width: number; cols: number } {
  const fit = Math.max(1, Math.floor(space / width))
  return { width, cols: fit >= ALIGN * 2 ? fit - (fit % ALIGN) : fit }
}

/** The frame at a pixel, -1 beside the cells. */
export function frameAt(grid: Grid, x: number, y: number): number {
  const col = Math.floor(x / grid.width)
  const row = Math.floor(y / grid.height)
  if (col < 0 || row < 0 || col >= grid.cols || row >= grid.rows) return -1
  const pfn = grid.first + (row * grid.cols + col) * grid.perCell
  return pfn < grid.frames ? pfn : -1
}

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

/** Where a frame is drawn; null when it is out of sight. */
export function boxOf(grid: Grid, pfn: number): Box | null {
  const index = Math.floor((pfn - grid.first) / grid.perCell)
  const row = Math.floor(index / grid.cols)
  if (index < 0 || row >= grid.rows || pfn >= grid.frames) return null
  return {
    x: (index % grid.cols) * grid.width,
    y: row * grid.height,
    width: grid.width - grid.gap,
    height: grid.height - grid.gap,
  }
}

/** The frame that an arrow key leads to. */
export function neighbour(grid: Grid, pfn: number, key: string): number {
  const row = grid.cols * grid.perCell
  const steps: Record<string, number> = {
    ArrowLeft: -grid.perCell,
    ArrowRight: grid.perCell,
    ArrowUp: -row,
    ArrowDown: row,
    PageUp: -row * Math.max(1, grid.rows - 1),
    PageDown: row * Math.max(1, grid.rows - 1),
    Home: -Infinity,
    End: Infinity,
  }
  return Math.max(0, Math.min(grid.frames - 1, pfn + (steps[key] ?? 0)))
}
