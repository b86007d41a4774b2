import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boxOf, fitGrid, frameAt, neighbour } from '../../../client/draw/grid.ts'

const space = (width: number, height: number, zoom = 0, first = 0) => ({
  width,
  height,
  zoom,
  first,
})

describe('the map’s grid', () => {
  it('holds all frames of machines from 16 MiB to 1 GiB in panels of usual size', () => {
    for (const frames of [4096, 16_384, 65_536, 262_144]) {
      for (const [width, height] of [
        [790, 390],
        [1240, 720],
        [330, 420],
      ]) {
        const grid = fitGrid(frames, space(width, height))
        expect(grid.cols * grid.rows * grid.perCell).toBeGreaterThanOrEqual(frames)
        expect(grid.cols * grid.width).toBeLessThanOrEqual(width)
        expect(grid.rows * grid.height).toBeLessThanOrEqual(height)
        expect(Math.min(grid.width, grid.height)).toBeGreaterThanOrEqual(2)
      }
    }
  })

  it('uses most of the space', () => {
    for (const frames of [4096, 16_384, 65_536]) {
      const grid = fitGrid(frames, space(790, 390))
      expect((grid.cols * grid.width * grid.rows * grid.height) / (790 * 390)).toBeGreaterThan(0.75)
    }
  })

  it('lets one cell stand for several frames where single ones could not be seen, and zooms in to them', () => {
    const all = fitGrid(262_144, space(790, 390))
    expect(all.perCell).toBeGreaterThan(1)
    const near = fitGrid(262_144, space(790, 390, 4, 100_000))
    expect(near.perCell).toBe(1)
    expect(boxOf(near, 100_000)).not.toBeNull()
  })

  it('finds under every pixel of a cell the frame that is drawn there', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300_000 }),
        fc.integer({ min: 50, max: 2000 }),
        fc.integer({ min: 50, max: 1200 }),
        fc.integer({ min: 0, max: 5 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (frames, width, height, zoom, where) => {
          const pfn = Math.floor(where * (frames - 1))
          const grid = fitGrid(frames, space(width, height, zoom, pfn))
          const box = boxOf(grid, pfn)
          expect(box).not.toBeNull()
          const first = pfn - ((pfn - grid.first) % grid.perCell)
          expect(frameAt(grid, box!.x, box!.y)).toBe(first)
          expect(frameAt(grid, box!.x + box!.width - 1, box!.y + box!.height - 1)).toBe(first)
        },
      ),
    )
  })

  it('knows no frame beside the cells', () => {
    const grid = fitGrid(4000, space(790, 390))
    expect(frameAt(grid, -1, 0)).toBe(-1)
    expect(frameAt(grid, grid.cols * grid.width, 0)).toBe(-1)
    expect(frameAt(grid, grid.width * grid.cols - 1, grid.height * grid.rows - 1)).toBe(-1)
  })

  it('is walked by arrow keys and left nowhere', () => {
    const grid = fitGrid(16_384, space(790, 390))
    expect(neighbour(grid, 5, 'ArrowRight')).toBe(6)
    expect(neighbour(grid, 5, 'ArrowDown')).toBe(5 + grid.cols)
    expect(neighbour(grid, 5, 'ArrowUp')).toBe(0)
    expect(neighbour(grid, 5, 'End')).toBe(16_383)
    expect(neighbour(grid, 16_383, 'PageDown')).toBe(16_383)
    expect(neighbour(grid, 9000, 'Home')).toBe(0)
  })
})

it('keeps its columns when a banner takes some of the height, and comes back to what it was', () => {
  let moved = 0
  for (let width = 540; width <= 1200; width += 7) {
    for (const height of [362, 540]) {
      const all = space(width, height)
      const less = space(width, height - 41)
      const before = fitGrid(16_384, all)
      const during = fitGrid(16_384, less, before)
      expect(during.cols, `${width}×${height}`).toBe(before.cols)
      expect(during.rows * during.height).toBeLessThanOrEqual(less.height)
      expect(fitGrid(16_384, all, during)).toEqual(before)
      if (fitGrid(16_384, less).cols !== before.cols) moved++
    }
  }
  expect(moved, 'times that it would have moved').toBeGreaterThan(20)
})

it('does not keep them at any price', () => {
  const before = fitGrid(4096, space(640, 640))
  expect(fitGrid(4096, space(640, 120), before)).toEqual(fitGrid(4096, space(640, 120)))
})
