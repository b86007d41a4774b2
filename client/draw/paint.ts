// The map's pixels. Pure: from looks and glow to a picture, only where they differ from what is there.

import { rgbOf, SCREEN, pixelOf } from './palette.ts'
import { isMarked, textureOf } from './look.ts'
import type { Grid } from './grid.ts'

export interface Picture {
  pixels: Uint32Array // width * height, as ImageData holds them
  width: number
  height: number
  shown: Uint32Array // per cell what it was painted with; NOTHING when it never was
}

const NOTHING = 0xffffffff
const background = pixelOf(rgbOf(SCREEN))

export function mkPicture(pixels: Uint32Array, width: number, grid: Grid): Picture {
  pixels.fill(background)
  const height = pixels.length / width
  return { pixels, width, height, shown: new Uint32Array(grid.cols * grid.rows).fill(NOTHING) }
}

/** Paints the cells that changed; true if there were any. `glow` is per frame, 255 just after a change. */
export function paint(
  picture: Picture,
  grid: Grid,
  looks: Uint16Array,
  glow: Uint8Array,
  inks: Uint32Array,
): boolean {
  const { shown } = picture
  const cells = Math.min(shown.length, Math.ceil((grid.frames - grid.first) / grid.perCell))
  let any = false
  for (let index = 0; index < cells; index++) {
    const pfn = grid.first + index * grid.perCell
    const look = grid.perCell === 1 ? looks[pfn] : commonLook(looks, pfn, grid.perCell)
    const level = grid.perCell === 1 ? glow[pfn] : strongest(glow, pfn, grid.perCell)
    const state = (look << 8) | level
    if (shown[index] === state) continue
    shown[index] = state
    any = true
    paintCell(picture, grid, index, look, level, inks)
  }
  return any
}

function paintCell(
  { pixels, width }: Picture,
  grid: Grid,
  index: number,
  look: number,
  level: number,
  inks: Uint32Array,
): void {
  const across = grid.width - grid.gap
  const down = grid.height - grid.gap
  const left = (index % grid.cols) * grid.width
  const top = Math.floor(index / grid.cols) * grid.height
  const size = Math.min(across, down)
  const main = lighten(inks[look * 2], level)
  const second = lighten(inks[look * 2 + 1], level)
  const texture = textureOf(look)
  const mark = isMarked(look) && size >= 3 ? Math.ceil(size / 2) : 0
  // Textures run on from cell to cell, so that they show where a cell is too small for one.
  const scale = size >= 12 ? 1 : 0
  for (let y = 0; y < down; y++) {
    const at = (top + y) * width + left
    for (let x = 0; x < across; x++) {
      const dim =
        x + y < mark - 1
          ? NOTHING
          : texture === 0
            ? 0
            : texture === 1
              ? (((left + x + top + y) >> scale) >> 1) & 1
              : (((left + x) >> scale) >> 1) & (((top + y) >> scale) >> 1) & 1
      pixels[at + x] = dim === NOTHING ? background : dim === 1 ? second : main
    }
  }
}

/** Towards white, as far as the level says. */
function lighten(pixel: number, level: number): number {
  if (level === 0) return pixel
  const part = (shift: number) => {
    const value = (pixel >>> shift) & 255
    return (value + (((255 - value) * level) >> 8)) << shift
  }
  return ((255 << 24) | part(16) | part(8) | part(0)) >>> 0
}

/** The look that most of the frames have (Boyer and Moore's vote). */
export function commonLook(looks: Uint16Array, from: number, count: number): number {
  let look = looks[from]
  let votes = 0
  const end = Math.min(looks.length, from + count)
  for (let pfn = from; pfn < end; pfn++) {
    if (votes === 0) look = looks[pfn]
    votes += looks[pfn] === look ? 1 : -1
  }
  return look
}

function strongest(glow: Uint8Array, from: number, count: number): number {
  let level = 0
  const end = Math.min(glow.length, from + count)
  for (let pfn = from; pfn < end; pfn++) if (glow[pfn] > level) level = glow[pfn]
  return level
}

/** Frames whose look changed begin to glow. */
export function kindle(before: Uint16Array, after: Uint16Array, glow: Uint8Array): void {
  for (let pfn = 0; pfn < after.length; pfn++) if (before[pfn] !== after[pfn]) glow[pfn] = 255
}

/** Lets the glow fade; true while something glows. */
export function fade(glow: Uint8Array, elapsedMs: number, lastsMs: number): boolean {
  const step = Math.max(1, Math.round((255 * elapsedMs) / lastsMs))
  let any = false
  for (let pfn = 0; pfn < glow.length; pfn++) {
    if (glow[pfn] === 0) continue
    glow[pfn] = glow[pfn] > step ? glow[pfn] - step : 0
    any = true
  }
  return any
}
