import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { de } from '../../client/i18n/de.ts'
import { en } from '../../client/i18n/en.ts'
import { formatBytes, formatClock, formatCode, parseClock } from '../../client/i18n/format.ts'

function flat(catalogue: object, prefix = ''): Map<string, string> {
  const texts = new Map<string, string>()
  for (const [key, value] of Object.entries(catalogue)) {
    if (typeof value === 'string') texts.set(prefix + key, value)
    else for (const [path, text] of flat(value as object, `${prefix}${key}.`)) texts.set(path, text)
  }
  return texts
}

const english = flat(en)
const german = flat(de)
const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)

/** Every file of the client that is not a catalogue. */
const sources = readdirSync('client', { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(vue|ts)$/.test(path) && !/i18n.(en|de)\.ts$/.test(path))
  .map((path) => readFileSync(join('client', path), 'utf8'))
  .join('\n')

describe('the catalogues', () => {
  it('have the same keys', () => {
    expect([...german.keys()].sort()).toEqual([...english.keys()].sort())
  })

  it('leave nothing empty or untranslated', () => {
    const same = [...english].filter(([key, text]) => text.length > 24 && german.get(key) === text)
    expect(same).toEqual([])
    expect([...english, ...german].filter(([, text]) => text.trim() === '')).toEqual([])
  })

  it('name the same values in both languages', () => {
    for (const [key, text] of english) {
      expect(new Set(names(german.get(key)!)), key).toEqual(new Set(names(text)))
    }
  })

  it('are compiled without complaint, every form of them', () => {
    const warnings: unknown[] = []
    const warn = console.warn
    console.warn = (...args) => warnings.push(args)
    for (const [locale, texts] of [
      ['en', english],
      ['de', german],
    ] as const) {
      const { t } = createI18n({ legacy: false, locale, messages: { en, de } }).global
      for (const [key, text] of texts) {
        const values = Object.fromEntries(names(text).map((name) => [name, 'v']))
        for (const plural of [0, 1, 2]) expect(t(key, values, plural)).not.toContain('{')
      }
    }
    console.warn = warn
    expect(warnings).toEqual([])
  })

  it('hold no text that nobody shows', () => {
    const unused = [...english.keys()].filter((key) => {
      if (sources.includes(`'${key}'`)) return false
      // Keys that are put together: t(`map.kinds.${name}`), useRefusal('refused').
      const parent = key.slice(0, key.lastIndexOf('.'))
      return !sources.includes(`\`${parent}.\${`) && !sources.includes(`'${parent}'`)
    })
    expect(unused).toEqual([])
  })

  it('use the typographer’s signs', () => {
    for (const [key, text] of [...english, ...german]) {
      expect(text, key).not.toMatch(/\.\.\.|\w'\w|"| - /)
    }
  })
})

describe('numbers', () => {
  it('are sizes in powers of 1024, with the reader’s comma', () => {
    expect(formatBytes(0, 'en')).toBe('0\u00a0B')
    expect(formatBytes(4096, 'en')).toBe('4\u00a0KiB')
    expect(formatBytes(1_500_000, 'en')).toBe('1.43\u00a0MiB')
    expect(formatBytes(1_500_000, 'de')).toBe('1,43\u00a0MiB')
    expect(formatBytes(2 ** 30, 'de')).toBe('1\u00a0GiB')
  })

  it('are times and codes', () => {
    expect(formatClock(65_000)).toBe('1:05')
    expect(formatClock(3_725_000)).toBe('1:02:05')
    expect(['1:02:05', '125', '2:05'].map(parseClock)).toEqual([3_725_000, 125_000, 125_000])
    expect(['', 'abc', '1:2:3:4', '-5'].map(parseClock)).toEqual([null, null, null, null])
    expect(formatCode('123456')).toBe('123\u00a0456')
  })
})
