// How the states of pages look wherever an address space is drawn.

import {
  PAGE_ANON,
  PAGE_FILE,
  PAGE_SHARED,
  PAGE_SWAP,
  PAGE_UNTOUCHED,
  PAGE_ZERO,
} from '@shared/proc/addressSpace.ts'
import { kindColors, neutral } from '../draw/palette.ts'
import { hatchStyle, swatchStyle } from './badge.ts'

export const pageStates = [
  { state: PAGE_ANON, name: 'anon', style: swatchStyle(kindColors.anon, 'solid') },
  { state: PAGE_SHARED, name: 'shared', style: swatchStyle(kindColors.shared, 'dot') },
  { state: PAGE_FILE, name: 'file', style: swatchStyle(kindColors.file, 'stripe') },
  { state: PAGE_ZERO, name: 'zero', style: swatchStyle(neutral, 'solid') },
  { state: PAGE_SWAP, name: 'swap', style: hatchStyle(kindColors.slab) },
  { state: PAGE_UNTOUCHED, name: 'untouched', style: swatchStyle(kindColors.free, 'solid') },
] as const

export const pageStyle = (state: number) => pageStates.find((one) => one.state === state)!.style
