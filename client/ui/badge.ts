// A seat's colour and texture as CSS, for everything that is not the map.

import { colorOf, textureOf } from '../draw/look.ts'
import { badgeOf, mix, rgbOf, SCREEN, textOn, textures, type Rgb } from '../draw/palette.ts'

const css = (color: Rgb) => `rgb(${color.join(' ')})`

export function badgeStyle(seat: number): Record<string, string> {
  const { color, texture } = badgeOf(seat)
  return swatchStyle(color, texture)
}

export function swatchStyle(hex: string, texture: string): Record<string, string> {
  return texturedStyle(rgbOf(hex), texture)
}

/** As the map shows frames of this look. */
export function lookStyle(look: number): Record<string, string> {
  return texturedStyle(colorOf(look), textures[textureOf(look)])
}

function texturedStyle(rgb: Rgb, texture: string): Record<string, string> {
  const color = css(rgb)
  const second = css(mix(rgb, rgbOf(SCREEN), 0.55))
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

/** For what is not in memory: hatched, with gaps. */
export function hatchStyle(color: string): Record<string, string> {
  return {
    backgroundColor: SCREEN,
    backgroundImage: `repeating-linear-gradient(135deg, ${color} 0 2px, transparent 2px 5px)`,
  }
}

/** For the element in which everything is one's own. */
export function mineStyle(seat: number): Record<string, string> {
  if (seat === 0) return {}
  const { color } = badgeOf(seat)
  return { '--mine': color, '--mine-ink': textOn(color) }
}
