import { describe, expect, it } from 'vitest'
import type { MachineOptions } from '../../../shared/state/machine.ts'
import { DEFAULT_OPTIONS, parseOptions, parseSize, sizeText } from '../../../shared/room/options.ts'

describe('machine options', () => {
  it('have defaults', () => expect(parseOptions({})).toEqual({ options: DEFAULT_OPTIONS }))

  it('are read from text and numbers, under both spellings', () => {
    const given = {
      ram: '128M',
      seed: 7,
      hostname: 'pc1',
      speed: '5M',
      bits: 64,
      pageSize: 4096,
      'page-size': '4K',
      swap: '128M',
      kernel: '2.6.38',
      glibc: '2.13',
      overcommit: 2,
      swappiness: '0',
    }
    expect(parseOptions(given)).toEqual({
      options: {
        ...DEFAULT_OPTIONS,
        ram: 128 * 2 ** 20,
        seed: 7,
        hostname: 'pc1',
        speed: 5_000_000,
        swap: 128 * 2 ** 20,
        kernel: '2.6.38',
        glibc: '2.13',
        overcommit: 2,
        swappiness: 0,
      },
    })
  })

  it('are taken when they say what this version is', () => {
    const values = {
      swap: 0,
      kernel: '6.12',
      glibc: '2.36',
      overcommit: '0',
      swappiness: '60',
      bits: '64',
      'page-size': '4096',
    }
    expect(parseOptions(values)).toEqual({ options: DEFAULT_OPTIONS })
    expect(parseOptions({ bits: 32, 'page-size': '64k' })).toEqual({
      options: { ...DEFAULT_OPTIONS, bits: 32, pageSize: 65536, ram: 256 * 2 ** 20 },
    })
  })

  it.each([
    [{ ram: '8M' }, /from 16M to 4G$/],
    [{ ram: '5G' }, /from 16M to 4G$/],
    [{ ram: '64M', 'page-size': '256K' }, /^--ram: from 256M to 4G with --page-size 256K$/],
    [{ ram: '4G', bits: 32 }, /^--ram: from 16M to 3G with --bits 32$/],
    [
      { ram: '32M', bits: 32, 'page-size': '64K' },
      /^--ram: from 64M to 3G with --page-size 64K and --bits 32$/,
    ],
    [{ 'page-size': '8K' }, /^--page-size: one of 4K, 16K, 64K, 256K$/],
    [{ 'page-size': 'large' }, /^--page-size: one of/],
    [{ glibc: '2.11' }, /^--glibc: one of 2.13, 2.36$/],
    [{ bits: '16' }, /^--bits: 64 or 32$/],
    [{ ram: 'lots' }, /not a size/],
    [{ ram: {} }, /text or a number/],
    [{ seed: '-1' }, /whole number/],
    [{ speed: '1' }, /1000/],
    [{ hostname: 'a b' }, /letters/],
    [{ hostname: '-x' }, /letters/],
    [{ colour: 'red' }, /unknown machine option/],
    [{ '\u001b[2J': 'x' }, /unknown machine option '\?\[2J'/],
  ])('%j is refused', (given, why) =>
    expect((parseOptions(given) as { problem: string }).problem).toMatch(why),
  )

  it('give RAM for 4,096 frames at least where it is not given', () => {
    const ram = (given: object) =>
      (parseOptions({ ...given }) as { options: MachineOptions }).options.ram
    expect(
      ['4K', '16K', '64K', '256K'].map((size) => ram({ 'page-size': size }) / 2 ** 20),
    ).toEqual([64, 64, 256, 1024])
    expect(ram({ 'page-size': '64K', ram: '64M' })).toBe(64 * 2 ** 20)
    expect(ram({ ram: '64M', pageSize: 65536 })).toBe(64 * 2 ** 20)
  })

  it('sizes', () => {
    expect(parseSize('64M')).toBe(64 * 2 ** 20)
    expect(parseSize('1G')).toBe(2 ** 30)
    expect(parseSize('64MiB')).toBe(64 * 2 ** 20)
    expect(parseSize('4096')).toBe(4096)
    expect(parseSize('x')).toBeNull()
    expect(sizeText(64 * 2 ** 20)).toBe('64M')
  })
})
