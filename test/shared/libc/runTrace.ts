// Runs a whole recorded trace in a process of its own, as the oracle's verifier wants it.

import { mallopt } from '../../../shared/libc/malloc.ts'
import {
  mkTrace,
  runTraceLine,
  traceDeath,
  traceEnvironment,
  traceLines,
} from '../../../shared/libc/mallocTrace.ts'
import type { MallocFlavour } from '../../../shared/libc/ptmalloc/flavour.ts'
import { Killed, ProcessMemory } from './processMemory.ts'

export function runTrace(text: string, flavour: MallocFlavour): string {
  const lines = traceLines(text)
  const mode = lines[0].split(' ')[1] ?? 'default'
  const process = new ProcessMemory(flavour, traceEnvironment(mode, flavour.version))
  let key = 0n
  if (flavour.tcache) {
    mallopt(process.env, -9999, 0) // starts malloc: the key is drawn
    if (mode === 'default' || mode === 'check0') {
      const bytes = process.read(process.env.mainArena + flavour.par.tcacheKey, flavour.word)!
      for (let i = flavour.word - 1; i >= 0; i--) key = (key << 8n) | BigInt(bytes[i])
    }
  }
  const trace = mkTrace(process, key)
  let out = ''
  for (const line of lines) {
    try {
      out += `${runTraceLine(trace, line)}\n`
    } catch (unwound) {
      if (!(unwound instanceof Killed)) throw unwound
      return `${out}${traceDeath(trace, unwound.signal)}\n`
    }
  }
  return out
}
