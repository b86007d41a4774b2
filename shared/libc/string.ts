// string.h: a page at most per step, so that even memset over a gigabyte can be interrupted.

import { PAGE_FUEL, bytesFuel } from '../kernel/sched.ts'
import { copyBytes, fillBytes, loadBytes, store8, storeBytes } from '../mm/uaccess.ts'
import {
  AGAIN,
  DONE,
  NO_LIMIT,
  finish,
  intArg,
  pointerArg,
  sizeArg,
  type Caller,
  type LibCall,
  type LibFunction,
  type Step,
} from './call.ts'
import { malloc } from './malloc.ts'

/** How many of `left` bytes lie before the next page boundary above `va`. */
function piece(c: Caller, va: number, left: number): number {
  const { pageSize } = c.m
  return Math.min(left, pageSize - (va & (pageSize - 1)))
}

function charge(c: Caller, bytes: number): void {
  c.cost += bytesFuel(bytes)
}

function finishWithArg(call: LibCall, index: number): Step {
  call.low = call.args[2 * index]!
  call.high = call.args[2 * index + 1]!
  return DONE
}

/** Fills a page's worth more. True when the range is done; progress is in call.done. */
export function fillStep(
  c: Caller,
  call: LibCall,
  va: number,
  byte: number,
  length: number,
): boolean {
  const count = piece(c, va + call.done, length - call.done)
  if (count <= 0) return true
  fillBytes(c.m, c.task, va + call.done, byte, count)
  charge(c, count)
  call.done += count
  return call.done >= length
}

/** The same for copying upward. */
export function copyStep(
  c: Caller,
  call: LibCall,
  to: number,
  from: number,
  length: number,
): boolean {
  const count = piece(c, to + call.done, length - call.done)
  if (count <= 0) return true
  copyBytes(c.m, c.task, to + call.done, from + call.done, count)
  charge(c, count)
  call.done += count
  return call.done >= length
}

const memset: LibFunction = (c, call) => {
  const done = fillStep(c, call, pointerArg(call, 0), intArg(call, 1), sizeArg(call, 2))
  return done ? finishWithArg(call, 0) : AGAIN
}

const memcpy: LibFunction = (c, call) => {
  const done = copyStep(c, call, pointerArg(call, 0), pointerArg(call, 1), sizeArg(call, 2))
  return done ? finishWithArg(call, 0) : AGAIN
}

/** Downward where the target overlaps the source from above. */
const memmove: LibFunction = (c, call) => {
  const to = pointerArg(call, 0)
  const from = pointerArg(call, 1)
  const length = sizeArg(call, 2)
  if (to <= from || to >= from + length) return memcpy(c, call)
  const end = to + length - call.done
  const count = Math.min(length - call.done, ((end - 1) & (c.m.pageSize - 1)) + 1)
  const at = length - call.done - count
  copyBytes(c.m, c.task, to + at, from + at, count)
  charge(c, count)
  call.done += count
  return call.done >= length ? finishWithArg(call, 0) : AGAIN
}

/** The next bytes of a range, within a page of both addresses. */
function pairStep(
  c: Caller,
  call: LibCall,
  a: number,
  b: number,
  left: number,
): [Uint8Array, Uint8Array] {
  const count = piece(c, a + call.done, piece(c, b + call.done, left))
  charge(c, count)
  return [
    loadBytes(c.m, c.task, a + call.done, count),
    loadBytes(c.m, c.task, b + call.done, count),
  ]
}

const memcmp: LibFunction = (c, call) => {
  const left = sizeArg(call, 2) - call.done
  if (left <= 0) return finish(call, 0)
  const [a, b] = pairStep(c, call, pointerArg(call, 0), pointerArg(call, 1), left)
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return finish(call, a[i] - b[i])
  call.done += a.length
  return call.done >= sizeArg(call, 2) ? finish(call, 0) : AGAIN
}

/** The next bytes of a string, to the end of their page. */
function stringStep(c: Caller, at: number, max: number): Uint8Array {
  const bytes = loadBytes(c.m, c.task, at, piece(c, at, max))
  const end = bytes.indexOf(0)
  charge(c, end < 0 ? bytes.length : end + 1)
  return bytes
}

/** Looks for the end of a string a page further. True when found, or after `max` bytes; the length is call.done. */
export function lengthStep(c: Caller, call: LibCall, at: number, max: number): boolean {
  if (call.done >= max) return true
  const bytes = stringStep(c, at + call.done, max - call.done)
  const end = bytes.indexOf(0)
  call.done += end < 0 ? bytes.length : end
  return end >= 0 || call.done >= max
}

const strlen: LibFunction = (c, call) =>
  lengthStep(c, call, pointerArg(call, 0), NO_LIMIT) ? finish(call, call.done) : AGAIN

const strnlen: LibFunction = (c, call) =>
  lengthStep(c, call, pointerArg(call, 0), sizeArg(call, 1)) ? finish(call, call.done) : AGAIN

/** Copies a string's next bytes with its NUL, at most to `max`. True when the NUL was copied or max is reached. */
function copyStringStep(c: Caller, call: LibCall, to: number, from: number, max: number): boolean {
  if (call.done >= max) return true
  const bytes = stringStep(c, from + call.done, max - call.done)
  const end = bytes.indexOf(0)
  const count = end < 0 ? bytes.length : end + 1
  storeBytes(c.m, c.task, to + call.done, bytes.subarray(0, count))
  call.done += count
  return end >= 0 || call.done >= max
}

const strcpy: LibFunction = (c, call) =>
  copyStringStep(c, call, pointerArg(call, 0), pointerArg(call, 1), NO_LIMIT)
    ? finishWithArg(call, 0)
    : AGAIN

/** First the string, then zeros up to the length. No NUL if the string is too long. */
const strncpy: LibFunction = (c, call) => {
  const to = pointerArg(call, 0)
  const length = sizeArg(call, 2)
  if (call.phase === 0) {
    if (!copyStringStep(c, call, to, pointerArg(call, 1), length)) return AGAIN
    call.phase = 1
    return call.done >= length ? finishWithArg(call, 0) : AGAIN
  }
  return fillStep(c, call, to, 0, length) ? finishWithArg(call, 0) : AGAIN
}

/** slots: where the appended part begins. */
const strncat: LibFunction = (c, call) => {
  const to = pointerArg(call, 0)
  const max = call.name === 'strcat' ? NO_LIMIT : sizeArg(call, 2)
  if (call.phase === 0) {
    if (!lengthStep(c, call, to, NO_LIMIT)) return AGAIN
    call.slots = [to + call.done]
    call.done = 0
    call.phase = 1
    return AGAIN
  }
  const [end] = call.slots as [number]
  if (!copyStringStep(c, call, end, pointerArg(call, 1), max)) return AGAIN
  if (call.done >= max) store8(c.m, c.task, end + call.done, 0)
  return finishWithArg(call, 0)
}

const strncmp: LibFunction = (c, call) => {
  const max = call.name === 'strcmp' ? NO_LIMIT : sizeArg(call, 2)
  if (call.done >= max) return finish(call, 0)
  const [a, b] = pairStep(c, call, pointerArg(call, 0), pointerArg(call, 1), max - call.done)
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] || a[i] === 0) return finish(call, a[i] - b[i])
  }
  call.done += a.length
  return AGAIN
}

const strchr: LibFunction = (c, call) => {
  const at = pointerArg(call, 0) + call.done
  const wanted = intArg(call, 1) & 0xff
  const bytes = stringStep(c, at, NO_LIMIT)
  const end = bytes.indexOf(0)
  const found = bytes.indexOf(wanted)
  if (found >= 0 && (end < 0 || found <= end)) return finish(call, at + found)
  if (end >= 0) return finish(call, 0)
  call.done += bytes.length
  return AGAIN
}

/** slots: where the last one was, 0 for nowhere. */
const strrchr: LibFunction = (c, call) => {
  const at = pointerArg(call, 0) + call.done
  const bytes = stringStep(c, at, NO_LIMIT)
  const end = bytes.indexOf(0)
  const searched = end < 0 ? bytes : bytes.subarray(0, end + 1)
  const found = searched.lastIndexOf(intArg(call, 1) & 0xff)
  if (found >= 0) call.slots = [at + found]
  if (end >= 0) return finish(call, call.slots[0] ?? 0)
  call.done += bytes.length
  return AGAIN
}

const memchr: LibFunction = (c, call) => {
  const left = sizeArg(call, 2) - call.done
  if (left <= 0) return finish(call, 0)
  const at = pointerArg(call, 0) + call.done
  const bytes = loadBytes(c.m, c.task, at, piece(c, at, left))
  charge(c, bytes.length)
  const found = bytes.indexOf(intArg(call, 1) & 0xff)
  if (found >= 0) return finish(call, at + found)
  call.done += bytes.length
  return AGAIN
}

/** strlen, malloc, memcpy. slots: the length with its NUL. */
const strdup: LibFunction = (c, call) => {
  const from = pointerArg(call, 0)
  if (call.phase === 0) {
    if (!lengthStep(c, call, from, NO_LIMIT)) return AGAIN
    const length = call.done + 1
    const to = malloc(c.env, length)
    c.cost += PAGE_FUEL / 8
    if (to === 0) return finish(call, 0)
    call.slots = [length, to]
    call.done = 0
    call.phase = 1
    return AGAIN
  }
  const [length, to] = call.slots as [number, number]
  return copyStep(c, call, to, from, length) ? finish(call, to) : AGAIN
}

export const stringFunctions: Record<string, LibFunction> = {
  memset,
  memcpy,
  memmove,
  memcmp,
  memchr,
  strlen,
  strnlen,
  strcpy,
  strncpy,
  strcat: strncat,
  strncat,
  strcmp: strncmp,
  strncmp,
  strchr,
  strrchr,
  strdup,
  bzero: (c, call) =>
    fillStep(c, call, pointerArg(call, 0), 0, sizeArg(call, 1)) ? finish(call, 0) : AGAIN,
}
