import { describe, expect, it } from 'vitest'
import type { Grid } from '../../../client/draw/grid.ts'
import { FAINT, LOOKS, mkInks } from '../../../client/draw/look.ts'
import { commonLook, fade, kindle, mkPicture, paint } from '../../../client/draw/paint.ts'
import { pixelOf, rgbOf, SCREEN } from '../../../client/draw/palette.ts'

const background = pixelOf(rgbOf(SCREEN))
const inks = mkInks()
const grid: Grid = {
  frames: 4,
  width: 6,
  height: 6,
  gap: 1,
  cols: 2,
  rows: 2,
  perCell: 1,
  first: 0,
}

function canvas(over: Partial<Grid> = {}) {
  const g = { ...grid, ...over }
  const width = g.cols * g.width
  return { g, width, picture: mkPicture(new Uint32Array(width * g.rows * g.height), width, g) }
}

describe('painting', () => {
  it('fills a cell and leaves its gap dark', () => {
    const { g, width, picture } = canvas()
    expect(paint(picture, g, new Uint16Array([0, 1, 2, 3]), new Uint8Array(4), inks)).toBe(true)
    expect(picture.pixels[0]).toBe(inks[0])
    expect(picture.pixels[4 * width + 4]).toBe(inks[0])
    expect(picture.pixels[5]).toBe(background)
    expect(picture.pixels[5 * width]).toBe(background)
    expect(picture.pixels[6]).toBe(inks[2])
  })

  it('touches only what changed', () => {
    const { g, picture } = canvas()
    const looks = new Uint16Array([0, 1, 2, 3])
    const glow = new Uint8Array(4)
    paint(picture, g, looks, glow, inks)
    expect(paint(picture, g, looks, glow, inks)).toBe(false)
    picture.pixels.fill(7)
    looks[3] = 4
    expect(paint(picture, g, looks, glow, inks)).toBe(true)
    expect(picture.pixels[0]).toBe(7)
    expect(picture.pixels.includes(inks[8])).toBe(true)
  })

  it('draws every frame even where the last row is not full', () => {
    const { g, width, picture } = canvas({ frames: 3 })
    paint(picture, g, new Uint16Array([0, 0, 0]), new Uint8Array(3), inks)
    expect(picture.pixels[6 * width]).toBe(inks[0])
    expect(picture.pixels[6 * width + 6]).toBe(background)
  })

  it('lets several frames share a cell by majority', () => {
    expect(commonLook(new Uint16Array([5, 9, 9, 9, 5]), 0, 5)).toBe(9)
    const { g, picture } = canvas({ frames: 16, perCell: 4 })
    const looks = new Uint16Array(16).fill(2)
    paint(picture, g, looks, new Uint8Array(16), inks)
    expect(picture.pixels[0]).toBe(inks[4])
  })

  it('shows textures in cells of two pixels, too', () => {
    const striped = 1 << 5
    const g = { ...grid, width: 2, height: 2, gap: 0, cols: 8, rows: 2, frames: 16 }
    const picture = mkPicture(new Uint32Array(16 * 4), 16, g)
    paint(picture, g, new Uint16Array(16).fill(striped), new Uint8Array(16), inks)
    expect(new Set(picture.pixels)).toEqual(new Set([inks[striped * 2], inks[striped * 2 + 1]]))
  })

  it('knows an ink for every look there is', () => {
    expect(inks.length).toBe(LOOKS * 2)
    expect(inks[FAINT * 2]).not.toBe(inks[0])
  })
})

describe('glow', () => {
  it('begins with a change, lightens the cell and fades', () => {
    const { g, picture } = canvas()
    const before = new Uint16Array(4)
    const after = new Uint16Array([0, 1, 0, 0])
    const glow = new Uint8Array(4)
    kindle(before, after, glow)
    expect([...glow]).toEqual([0, 255, 0, 0])
    paint(picture, g, after, glow, inks)
    expect(picture.pixels[6]).not.toBe(inks[2])
    expect(fade(glow, 450, 900)).toBe(true)
    expect(glow[1]).toBeGreaterThan(100)
    expect(glow[1]).toBeLessThan(150)
    fade(glow, 900, 900)
    expect(fade(glow, 16, 900)).toBe(false)
    paint(picture, g, after, glow, inks)
    expect(picture.pixels[6]).toBe(inks[2])
  })
})
