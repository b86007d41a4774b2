// Colours of owners and kinds. The owners' twelve were searched for the largest smallest distance over normal,
// protan, deutan and tritan vision (OKLab 0.089), each at least 3:1 against the screen; three textures make
// thirty-six of them. All are shown on the same dark screen in every theme.

import type { KindName } from './kind.ts'

export const SCREEN = '#0f1114'

export const ownerColors = [
  '#f07f1b',
  '#77f0fc',
  '#c15f95',
  '#a7dd29',
  '#8c73d1',
  '#f4e5a8',
  '#47bb7c',
  '#6853f4',
  '#e8a9c1',
  '#e6432e',
  '#9e96e2',
  '#a3765f',
] as const

export const textures = ['solid', 'stripe', 'dot'] as const
export type Texture = (typeof textures)[number]

export const kindColors: Record<KindName, string> = {
  free: '#1c2026',
  kernel: '#6f7885',
  table: '#f4e5a8',
  slab: '#9e96e2',
  file: '#47bb7c',
  anon: '#f07f1b',
  shared: '#77f0fc',
  balloon: '#c15f95',
}

/** The machine's own processes, and in "mine" everyone else's. */
export const neutral = '#8a93a1'

export interface Badge {
  color: string
  texture: Texture
}

/** The sign of a seat: the same on the map, in lists and for everyone. */
export function badgeOf(seat: number): Badge {
  if (seat <= 0) return { color: neutral, texture: 'solid' }
  const n = seat - 1
  return {
    color: ownerColors[n % ownerColors.length],
    texture: textures[Math.floor(n / ownerColors.length) % textures.length],
  }
}

export type Rgb = readonly [red: number, green: number, blue: number]

export function rgbOf(hex: string): Rgb {
  const n = parseInt(hex.slice(1), 16)
  return [n >> 16, (n >> 8) & 255, n & 255]
}

/** `amount` 0: all a; 1: all b. */
export function mix(a: Rgb, b: Rgb, amount: number): Rgb {
  const part = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * amount)
  return [part(0), part(1), part(2)]
}

/** As one pixel of ImageData on a little-endian machine. */
export function pixelOf([red, green, blue]: Rgb): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0
}

/** WCAG relative luminance. */
export function luminance(hex: string): number {
  const linear = rgbOf(hex).map((part) => {
    const c = part / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

export function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (light + 0.05) / (dark + 0.05)
}

/** Black or white, whichever reads better on the colour. */
export function textOn(hex: string): string {
  return contrast(hex, '#000000') >= contrast(hex, '#ffffff') ? '#000000' : '#ffffff'
}
