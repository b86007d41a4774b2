// From what a frame is to how it looks: one small number per frame, so that the painter repaints only what changed.
//
//   15    9  8      7 6    5 4     0
//   [      |faint | shade |texture| ink ]

import {
  badgeOf,
  kindColors,
  mix,
  neutral,
  ownerColors,
  pixelOf,
  rgbOf,
  SCREEN,
  textures,
  type Rgb,
} from './palette.ts'
import { ageOf } from './age.ts'
import { ANON, FILE, FREE, KERNEL, kindNames, kindOf, SHARED, SLAB, TABLE } from './kind.ts'
import type { FrameMap } from '@shared/proc/frames.ts'

export type Mode = 'owner' | 'kind' | 'mine' | 'age'
export const modes: readonly Mode[] = ['owner', 'kind', 'mine', 'age']

const INK_NEUTRAL = ownerColors.length
const INK_KIND = INK_NEUTRAL + 1
const INKS = INK_KIND + kindNames.length

const TEXTURE_SHIFT = 5
const SHADE_SHIFT = 7
export const FAINT = 1 << 9
export const LOOKS = 1 << 10

// Shades: how a kind differs within one owner's colour.
const FULL = 0
const HALF = 1 // page cache
const PALE = 2 // page tables, kernel objects
const MARKED = 3 // shared: a corner of the cell is cut out

export const inkOf = (look: number) => look & 31
export const textureOf = (look: number) => (look >> TEXTURE_SHIFT) & 3
export const isMarked = (look: number) => ((look >> SHADE_SHIFT) & 3) === MARKED

// Indexed by kind: free, kernel, table, slab, file, anon, shared, balloon.
const shadeOfKind = [FULL, HALF, PALE, PALE, HALF, FULL, MARKED, PALE]
export const textureOfKind = [0, 0, 2, 1, 1, 0, 2, 2]

/** By age (draw/age.ts): a colour for what the page is, striped and half as bright when it has grown old. */
export const ageLooks = [
  INK_KIND + FREE,
  INK_KIND + ANON,
  INK_KIND + ANON + (1 << TEXTURE_SHIFT) + (HALF << SHADE_SHIFT),
  INK_KIND + FILE,
  INK_KIND + FILE + (1 << TEXTURE_SHIFT) + (HALF << SHADE_SHIFT),
  INK_KIND + TABLE + (2 << TEXTURE_SHIFT),
  INK_KIND + SLAB + (2 << TEXTURE_SHIFT),
  INK_NEUTRAL + (PALE << SHADE_SHIFT),
]

export interface Eyes {
  mode: Mode
  seat: number // whose eyes; 0 for nobody's
  only: Set<number> | null // frames to bring out, the others go faint
}

/** Fills `into` with the look of every frame. */
export function looksOf(map: FrameMap, eyes: Eyes, into: Uint16Array): void {
  const { kind, sharers, seat, age } = map
  const lookOf = looker(eyes)
  for (let pfn = 0; pfn < kind.length; pfn++) {
    const look =
      eyes.mode === 'age'
        ? ageLooks[ageOf(kind[pfn], age[pfn])]
        : lookOf(kindOf(kind[pfn], sharers[pfn]), seat[pfn])
    into[pfn] = eyes.only === null || eyes.only.has(pfn) ? look : look | FAINT
  }
}

function looker({ mode, seat }: Eyes): (kind: number, owner: number) => number {
  const kinds = kindNames.map((_, kind) => INK_KIND + kind)
  if (mode === 'kind') {
    return (kind) => kinds[kind] | (textureOfKind[kind] << TEXTURE_SHIFT) | marked(kind)
  }
  if (mode === 'mine') {
    const own = ownerLook(seat)
    return (kind, owner) => {
      if (kind === FREE) return kinds[FREE]
      if (owner === seat && seat > 0) return own | (shadeOfKind[kind] << SHADE_SHIFT)
      return INK_NEUTRAL | ((kind === KERNEL || owner === 0 ? PALE : HALF) << SHADE_SHIFT)
    }
  }
  const known: number[] = []
  return (kind, owner) => {
    if (kind === FREE) return kinds[FREE]
    if (owner <= 0)
      return INK_NEUTRAL | ((kind === KERNEL ? PALE : shadeOfKind[kind]) << SHADE_SHIFT)
    return (known[owner] ??= ownerLook(owner)) | (shadeOfKind[kind] << SHADE_SHIFT)
  }
}

const marked = (kind: number) => (kind === SHARED ? MARKED << SHADE_SHIFT : 0)

function ownerLook(seat: number): number {
  const { color, texture } = badgeOf(seat)
  return (
    (ownerColors as readonly string[]).indexOf(color) | (textures.indexOf(texture) << TEXTURE_SHIFT)
  )
}

const screen = rgbOf(SCREEN)
const white = rgbOf('#ffffff')
const colors = [...ownerColors, neutral, ...kindNames.map((name) => kindColors[name])].map(rgbOf)

/** The colour of a look, its texture left out. */
export function colorOf(look: number): Rgb {
  const ink = inkOf(look)
  const shade = (look >> SHADE_SHIFT) & 3
  let color = colors[ink]
  if (shade === HALF) color = mix(color, screen, 0.5)
  if (shade === PALE)
    color = ink === INK_NEUTRAL ? mix(color, screen, 0.68) : mix(color, white, 0.55)
  return (look & FAINT) === 0 ? color : mix(color, screen, 0.78)
}

/** Two pixels per look: the cell's own, and what its texture and mark are drawn with. */
export function mkInks(): Uint32Array {
  const inks = new Uint32Array(LOOKS * 2)
  for (let look = 0; look < LOOKS; look++) {
    if (inkOf(look) >= INKS) continue
    const color = colorOf(look)
    inks[look * 2] = pixelOf(color)
    inks[look * 2 + 1] = pixelOf(mix(color, screen, 0.55))
  }
  return inks
}
