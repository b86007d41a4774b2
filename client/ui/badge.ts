// A seat's colour and texture as CSS, for everything that is not the map.

import { badgeOf, mix, rgbOf, SCREEN, textOn } from '../draw/palette.ts'

const css = (hex: string) => `rgb(${mix(rgbOf(hex), rgbOf(SCREEN), 0.55).join(' ')})`

export function badgeStyle(seat: number): Record<string, string> {
  const { color, texture } = badgeOf(seat)
  return swatchStyle(color, texture)
}

export function swatchStyle(color: string, texture: string): Record<string, string> {
  const second = css(color)
  if (texture === 'stripe') {
    return {
      backgroundColor: color,
      backgroundImage: `repeating-linear-gradient(135deg, ${second} 0 2px, transparent 2px 4px)`,
    }
  }
  if (texture === 'dot') {
    return {
      backgroundColor: color,
      backgroundImage: `radial-gradient(${second} 1.4px, transparent 1.6px)`,
      backgroundSize: '4px 4px',
    }
  }
  return { backgroundColor: color }
}

/** For the element in which everything is one's own. */
export function mineStyle(seat: number): Record<string, string> {
  if (seat === 0) return {}
  const { color } = badgeOf(seat)
  return { '--mine': color, '--mine-ink': textOn(color) }
}
