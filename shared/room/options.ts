// MACHINE OPTIONS: from the command line or a request to what a machine is made of.

import { PAGE_SIZES } from '../hw/layout.ts'
import { GLIBC_VERSIONS, KERNEL_ERAS, type MachineOptions } from '../state/machine.ts'

export const DEFAULT_OPTIONS: MachineOptions = {
  ram: 64 * 2 ** 20,
  swap: 0,
  bits: 64,
  pageSize: 4096,
  kernel: '6.12',
  glibc: '2.36',
  overcommit: 0,
  swappiness: 60,
  seed: 1,
  hostname: 'oomroom',
  speed: 10_000_000,
}

const RAM_MIN = 16 * 2 ** 20
const FRAMES_MIN = 1024
const FRAMES_DEFAULT = 4096
const RAM_MAX = { 64: 4 * 2 ** 30, 32: 3 * 2 ** 30 } // what a frame number in a PTE reaches; 32 bits map no more at once
const SWAP_MAX = 4 * 2 ** 30
const SPEED_MIN = 1000
const SPEED_MAX = 1_000_000_000

/** Names of the options as the command line writes them, without the dashes. */
export const OPTION_NAMES = [
  'ram',
  'swap',
  'page-size',
  'bits',
  'kernel',
  'glibc',
  'overcommit',
  'swappiness',
  'speed',
  'seed',
  'hostname',
] as const

export type Parsed = { options: MachineOptions } | { problem: string }

/** Reads options by name; values are text or numbers. Says in one line what is wrong. */
export function parseOptions(given: Record<string, unknown>): Parsed {
  const options = { ...DEFAULT_OPTIONS }
  for (const key of Object.keys(given)) {
    const value = given[key]
    if (value === undefined || value === null) continue
    const name = key === 'pageSize' ? 'page-size' : key
    if (typeof value !== 'string' && typeof value !== 'number')
      return { problem: `--${name}: text or a number` }
    const problem = setOption(options, name, String(value))
    if (problem !== null) return { problem }
  }
  if (given.ram === undefined || given.ram === null) options.ram = defaultRam(options.pageSize)
  const problem = checkRam(options)
  return problem === null ? { options } : { problem }
}

/** What a machine gets that is not told how much: more with larger pages. */
export function defaultRam(pageSize: number): number {
  return Math.max(DEFAULT_OPTIONS.ram, FRAMES_DEFAULT * pageSize)
}

export function leastRam(pageSize: number): number {
  return Math.max(RAM_MIN, FRAMES_MIN * pageSize)
}

function checkRam({ ram, pageSize, bits }: MachineOptions): string | null {
  const least = leastRam(pageSize)
  const most = RAM_MAX[bits]
  if (ram >= least && ram <= most) return null
  const because = []
  if (pageSize !== DEFAULT_OPTIONS.pageSize) because.push(`--page-size ${sizeText(pageSize)}`)
  if (bits !== DEFAULT_OPTIONS.bits) because.push(`--bits ${bits}`)
  const machine = because.length === 0 ? '' : ` with ${because.join(' and ')}`
  return `--ram: from ${sizeText(least)} to ${sizeText(most)}${machine}`
}

function setOption(options: MachineOptions, name: string, value: string): string | null {
  switch (name) {
    case 'ram': {
      const ram = parseSize(value)
      if (ram === null) return `--ram: '${printable(value)}' is not a size such as 64M`
      if (ram % 2 ** 20 !== 0) return `--ram: a multiple of 1M`
      options.ram = ram
      return null
    }
    case 'swap': {
      const swap = parseSize(value)
      if (swap === null) return `--swap: '${printable(value)}' is not a size such as 64M`
      if (swap > SWAP_MAX) return `--swap: up to 4G`
      if (swap % 2 ** 20 !== 0) return `--swap: a multiple of 1M`
      options.swap = swap
      return null
    }
    case 'page-size': {
      const pageSize = parseSize(value)
      if (pageSize === null || !PAGE_SIZES.includes(pageSize))
        return `--page-size: one of ${PAGE_SIZES.map(sizeText).join(', ')}`
      options.pageSize = pageSize
      return null
    }
    case 'bits':
      if (value !== '64' && value !== '32') return `--bits: 64 or 32`
      options.bits = value === '64' ? 64 : 32
      return null
    case 'kernel': {
      const era = KERNEL_ERAS.find((name) => name === value)
      if (era === undefined) return `--kernel: one of ${KERNEL_ERAS.join(', ')}`
      options.kernel = era
      return null
    }
    case 'glibc': {
      const version = GLIBC_VERSIONS.find((name) => name === value)
      if (version === undefined) return `--glibc: one of ${GLIBC_VERSIONS.join(', ')}`
      options.glibc = version
      return null
    }
    case 'overcommit': {
      const mode = wholeNumber(value)
      if (mode === null || mode > 2) return `--overcommit: 0, 1 or 2`
      options.overcommit = mode
      return null
    }
    case 'swappiness': {
      const swappiness = wholeNumber(value)
      if (swappiness === null || swappiness > 200) return `--swappiness: from 0 to 200`
      options.swappiness = swappiness
      return null
    }
    case 'seed': {
      const seed = wholeNumber(value)
      if (seed === null || seed > 0xffff_ffff) return `--seed: a whole number from 0 to 4294967295`
      options.seed = seed
      return null
    }
    case 'speed': {
      const speed = parseSpeed(value)
      if (speed === null)
        return `--speed: '${printable(value)}' is not a number of instructions a second`
      if (speed < SPEED_MIN || speed > SPEED_MAX) return `--speed: from 1000 to 1000000000`
      options.speed = speed
      return null
    }
    case 'hostname':
      if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/i.test(value)) {
        return `--hostname: letters, digits and hyphens, 32 at most`
      }
      options.hostname = value
      return null
    default:
      return `unknown machine option '${printable(name)}'`
  }
}

/** `64M`, `1G`, `65536K`, bytes without a letter; null for anything else. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,13})([KMG]?)(i?B)?$/i.exec(text)
  if (match === null) return null
  const unit = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[match[2].toUpperCase()]!
  return Number(match[1]) * unit
}

/** `64M` for 67108864: what parseSize() reads. */
export function sizeText(bytes: number): string {
  if (bytes % 2 ** 30 === 0) return `${bytes / 2 ** 30}G`
  if (bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20}M`
  return bytes % 1024 === 0 ? `${bytes / 1024}K` : String(bytes)
}

/** Instructions a second: `10000000`, `10M`, `1e7`; the letters are powers of ten. */
function parseSpeed(text: string): number | null {
  const match = /^(\d{1,10})(?:e(\d)|([KMG]))?$/i.exec(text)
  if (match === null) return null
  const zeros = match[2] ?? { K: '3', M: '6', G: '9' }[match[3]?.toUpperCase() ?? ''] ?? '0'
  return Number(match[1]) * Number(`1e${zeros}`)
}

function wholeNumber(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** What came from outside, fit to stand in one line of a message. */
function printable(text: string): string {
  return text.slice(0, 40).replace(/[^\x20-\x7e]/g, '?')
}
