/** The number rounded up to a multiple of `unit` (any unit, numbers to 2^53). */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

export function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit
}

/** The whole part of the square root (lib/int_sqrt.c); exact for values below 2^52. */
export function intSqrt(value: number): number {
  return Math.floor(Math.sqrt(value))
}

/** log2 of a power of two below 2^32. */
export function log2(value: number): number {
  return 31 - Math.clz32(value)
}

/** Lower case hexadecimal with at least `digits` digits. */
export function hex(value: number, digits = 1): string {
  return value.toString(16).padStart(digits, '0')
}
