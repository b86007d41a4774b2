// How chunks and their pages look: colour and pattern for each state, the same on the canvas and in legends.

import { CHUNK_STATES, type ChunkState } from '@shared/libc/heapWalk.ts'
import {
  PAGE_ANON,
  PAGE_FILE,
  PAGE_SHARED,
  PAGE_SWAP,
  PAGE_UNTOUCHED,
  PAGE_ZERO,
} from '@shared/proc/addressSpace.ts'
import { kindColors, mix, neutral, pixelOf, rgbOf, SCREEN } from './palette.ts'

export type Pattern =
  | 'solid'
  | 'dot'
  | 'slash'
  | 'upright'
  | 'level'
  | 'check'
  | 'sparse'
  | 'grid'
  | 'backslash'
  | 'double'

export const chunkLooks: Record<ChunkState, { color: string; pattern: Pattern }> = {
  used: { color: kindColors.anon, pattern: 'solid' },
  table: { color: '#9aa3af', pattern: 'grid' },
  tcache: { color: kindColors.shared, pattern: 'dot' },
  fast: { color: '#a7dd29', pattern: 'slash' },
  unsorted: { color: kindColors.table, pattern: 'upright' },
  small: { color: kindColors.slab, pattern: 'level' },
  large: { color: '#c15f95', pattern: 'check' },
  top: { color: '#6f7885', pattern: 'sparse' },
  fence: { color: '#ffffff', pattern: 'solid' },
  foreign: { color: '#a3765f', pattern: 'backslash' },
  mmapped: { color: '#e8a9c1', pattern: 'double' },
}

/** Is the pixel drawn in the second colour? Patterns run on from chunk to chunk. */
export function inPattern(pattern: Pattern, x: number, y: number, scale: number): boolean {
  const [column, row] = [Math.floor(x / scale), Math.floor(y / scale)]
  switch (pattern) {
    case 'solid':
      return false
    case 'dot':
      return (column & 2) !== 0 && (row & 2) !== 0
    case 'slash':
      return ((column + row) & 2) !== 0
    case 'backslash':
      return ((column - row) & 4) !== 0
    case 'upright':
      return (column & 2) !== 0
    case 'level':
      return (row & 2) !== 0
    case 'check':
      return ((column ^ row) & 4) !== 0
    case 'sparse':
      return (column & 7) !== 0 || (row & 3) !== 0
    case 'grid':
      return column % 4 === 0 || row % 4 === 0
    case 'double':
      return row % 5 === 1 || row % 5 === 3
  }
}

const screen = rgbOf(SCREEN)
const white = rgbOf('#ffffff')

export interface ChunkInk {
  pattern: Pattern
  main: number
  second: number // of the pattern
  header: number
}

/** In the order of CHUNK_STATES. */
export const chunkInks: ChunkInk[] = CHUNK_STATES.map((state) => {
  const { color, pattern } = chunkLooks[state]
  const rgb = rgbOf(color)
  return {
    pattern,
    main: pixelOf(rgb),
    second: pixelOf(mix(rgb, screen, pattern === 'sparse' ? 0.82 : 0.6)),
    header: pixelOf(mix(rgb, white, 0.65)),
  }
})

export const pageLooks = [
  { state: PAGE_ANON, name: 'anon', color: kindColors.anon, second: kindColors.anon },
  { state: PAGE_SHARED, name: 'shared', color: kindColors.shared, second: SCREEN },
  { state: PAGE_FILE, name: 'file', color: kindColors.file, second: kindColors.file },
  { state: PAGE_ZERO, name: 'zero', color: neutral, second: neutral },
  { state: PAGE_SWAP, name: 'swap', color: kindColors.slab, second: SCREEN },
  { state: PAGE_UNTOUCHED, name: 'untouched', color: '#2b3139', second: '#2b3139' },
] as const

/** Two pixels for each PAGE_*: shared is dashed, swap dashed more widely. */
export const pageInks: { main: number; second: number; dash: number }[] = []
for (const { state, color, second } of pageLooks)
  pageInks[state] = {
    main: pixelOf(rgbOf(color)),
    second: pixelOf(rgbOf(second)),
    dash: state === PAGE_SWAP ? 4 : state === PAGE_SHARED ? 2 : 0,
  }

const css = (color: string, amount: number) => `rgb(${mix(rgbOf(color), screen, amount).join(' ')})`

/** A chunk's state as CSS. */
export function chunkStyle(state: ChunkState): Record<string, string> {
  const { color, pattern } = chunkLooks[state]
  const second = css(color, pattern === 'sparse' ? 0.82 : 0.6)
  const stripes = (angle: number, each: number) =>
    `repeating-linear-gradient(${angle}deg, ${second} 0 ${each}px, transparent ${each}px ${each * 2}px)`
  const images: Record<Pattern, string> = {
    solid: 'none',
    dot: `radial-gradient(${second} 1.4px, transparent 1.6px)`,
    slash: stripes(135, 1.5),
    backslash: stripes(45, 3),
    upright: stripes(90, 2),
    level: stripes(0, 2),
    check: `conic-gradient(${second} 25%, transparent 0 50%, ${second} 0 75%, transparent 0)`,
    sparse: `radial-gradient(transparent 0.8px, ${second} 1px)`,
    grid: `linear-gradient(${second} 1px, transparent 1px), linear-gradient(90deg, ${second} 1px, transparent 1px)`,
    double: `repeating-linear-gradient(0deg, ${second} 0 1px, transparent 1px 2px, ${second} 2px 3px, transparent 3px 5px)`,
  }
  const size = pattern === 'check' ? '8px 8px' : '4px 4px'
  return {
    backgroundColor: color,
    backgroundImage: images[pattern],
    ...(['dot', 'check', 'sparse', 'grid'].includes(pattern) ? { backgroundSize: size } : {}),
  }
}

export function pageStyle(name: (typeof pageLooks)[number]['name']): Record<string, string> {
  const { color, second, state } = pageLooks.find((one) => one.name === name)!
  const { dash } = pageInks[state]
  if (dash === 0) return { backgroundColor: color }
  return {
    backgroundColor: color,
    backgroundImage: `repeating-linear-gradient(90deg, transparent 0 ${dash}px, ${second} ${dash}px ${dash * 2}px)`,
  }
}
