// Wild writes into malloc's parameters, beside the real malloc of this host: mallocParams.c, and the same steps here.

import { expect, it } from 'vitest'
import { free, malloc } from '../../../shared/libc/malloc.ts'
import { GLIBC_2_36_X86_64, type ParLayout } from '../../../shared/libc/ptmalloc/flavour.ts'
import { compile } from '../../bench/native.ts'
import { whyNoHostMalloc } from '../../helpers/hostMalloc.ts'
import { topDirectory } from '../../helpers/top.ts'
import { Killed, ProcessMemory } from '../../shared/libc/processMemory.ts'

const missing = process.arch === 'x64' ? whyNoHostMalloc(['gcc']) : `this host is ${process.arch}`
if (missing !== '') console.warn(`no damage to the real malloc's parameters: ${missing}`)

/** Where glibc 2.36 has them in struct malloc_par. */
const FIELDS: [name: keyof ParLayout, offset: number, type: 'long' | 'int'][] = [
  ['trimThreshold', 0, 'long'],
  ['topPad', 8, 'long'],
  ['mmapThreshold', 16, 'long'],
  ['nMmaps', 60, 'int'],
  ['nMmapsMax', 64, 'int'],
  ['noDynThreshold', 72, 'int'],
  ['mmappedMem', 80, 'long'],
  ['sbrkBase', 96, 'long'],
  ['tcacheBins', 104, 'long'],
  ['tcacheMaxBytes', 112, 'long'],
  ['tcacheCount', 120, 'long'],
  ['tcacheUnsortedLimit', 128, 'long'],
]
const VALUES = [
  0n,
  1n,
  7n,
  100n,
  4096n,
  0x80000000n,
  1n << 32n,
  0x4141414141414141n,
  (1n << 64n) - 1n,
]
const SIZES = [24, 100, 500, 1032, 1100, 3000, 20000, 70000, 140000, 300000]
const HEAP = 0x5555_5600_0000
const SEEDS = [1, 3]

it.skipIf(missing !== '')(
  'with a field of mp_ overwritten ours goes on as the real one does',
  { timeout: 120_000 },
  () => {
    const real = compile(`${topDirectory()}/test/server/trace/mallocParams.c`, [
      '-O1',
      '-fno-builtin',
    ])
    let deaths = 0
    for (const [name, offset, type] of FIELDS)
      for (const value of VALUES)
        for (const seed of SEEDS) {
          const want = real.run!([offset, type, value.toString(), seed])
          expect(takeSteps(name, type, value, seed), `${name} = ${value}, seed ${seed}`).toBe(want)
          if (want.includes('killed')) deaths++
        }
    real.remove()
    expect(deaths).toBeGreaterThan(0)
  },
)

function takeSteps(name: keyof ParLayout, type: string, value: bigint, seed: number): string {
  const { env } = new ProcessMemory(GLIBC_2_36_X86_64, {}, HEAP)
  const at = env.mainArena + env.flavour.par[name]
  const slots: number[] = Array<number>(40).fill(0)
  const said: string[] = []
  let x = Math.imul(seed, 2654435761) + 1
  try {
    slots[0] = malloc(env, SIZES[0])
    for (let step = 0; step < 60; step++) {
      if (step === 20) {
        env.store32(at, Number(BigInt.asIntN(32, value)))
        if (type === 'long') env.store32(at + 4, Number(BigInt.asIntN(32, value >> 32n)))
      }
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      const k = ((x >>> 8) & 0xff_ffff) % slots.length
      const freed = slots[k]
      if (freed !== 0) free(env, freed)
      slots[k] = freed !== 0 ? 0 : malloc(env, SIZES[(x >>> 16) % SIZES.length])
      const mem = slots[k]
      if (freed !== 0) said.push(`b ${(env.sbrk(0) - HEAP).toString(16)}`)
      else if (mem === 0) said.push('0 0')
      else if (mem >= HEAP && mem < HEAP + 0x1000_0000) said.push(`H ${(mem - HEAP).toString(16)}`)
      else said.push(`M ${env.load(mem - 8).toString(16)}`)
    }
  } catch (thrown) {
    if (!(thrown instanceof Killed)) throw thrown
    said.push(`killed ${thrown.signal}`)
  }
  return said.map((line) => `${line}\n`).join('')
}
