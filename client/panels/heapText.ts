// Bytes and flags of chunks as text.

import { IS_MMAPPED, NON_MAIN_ARENA, PREV_INUSE } from '@shared/libc/ptmalloc/chunk.ts'

/** P the chunk before is in use, M a mapping of its own, A not of the main arena. */
export function flagLetters(flags: number): string {
  return (
    (flags & PREV_INUSE ? 'P' : '-') +
    (flags & IS_MMAPPED ? 'M' : '-') +
    (flags & NON_MAIN_ARENA ? 'A' : '-')
  )
}

export function asHex(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

/** What can be printed, dots for the rest. */
export function asText(bytes: readonly number[]): string {
  return bytes
    .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'))
    .join('')
}

/** A word in hex as the characters that lie in memory, lowest byte first; '' if some of its bytes can't be printed. */
export function wordAsText(word: string): string {
  const bytes = (word.slice(2).match(/../g) ?? []).map((pair) => parseInt(pair, 16)).reverse()
  const whole = word.length % 2 === 0 && bytes.length >= 3
  return whole && bytes.every((byte) => byte >= 0x20 && byte < 0x7f) ? asText(bytes) : ''
}
