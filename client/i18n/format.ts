// Numbers, sizes and times as the reader writes them. Sizes are powers of 1024 and say so.

import { computed } from 'vue'
import { useI18n } from 'vue-i18n'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Thin but unbreakable between number and unit. */
const NBSP = '\u00a0'

export function formatBytes(bytes: number, locale: string): string {
  let unit = 0
  let n = bytes
  while (n >= 1024 && unit < UNITS.length - 1) {
    n /= 1024
    unit++
  }
  const digits = unit === 0 || n >= 100 || Number.isInteger(n) ? 0 : n >= 10 ? 1 : 2
  const text = new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(n)
  return `${text}${NBSP}${UNITS[unit]}`
}

/** `2:05`, `1:02:05`: of a recording or of an uptime. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** `2:05`, `1:02:05` or `125`, in ms; null if it is none. */
export function parseClock(text: string): number | null {
  if (!/^\d+(:\d{1,2}){0,2}$/.test(text)) return null
  return text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) * 1000
}

/** `123 456` is easier to say than 123456. */
export function formatCode(code: string): string {
  return `${code.slice(0, 3)}${NBSP}${code.slice(3)}`
}

export function useFormat() {
  const { locale } = useI18n()
  const whole = computed(() => new Intl.NumberFormat(locale.value, { maximumFractionDigits: 0 }))
  const part = computed(
    () => new Intl.NumberFormat(locale.value, { style: 'percent', maximumFractionDigits: 1 }),
  )
  const date = computed(
    () => new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium', timeStyle: 'short' }),
  )
  return {
    count: (n: number) => whole.value.format(n),
    number: (n: number) => n.toLocaleString(locale.value),
    percent: (n: number) => part.value.format(n),
    date: (ms: number) => date.value.format(ms),
    bytes: (n: number) => formatBytes(n, locale.value),
    seconds: (ms: number) =>
      new Intl.NumberFormat(locale.value, {
        style: 'unit',
        unit: 'second',
        unitDisplay: 'long',
      }).format(Math.round(ms / 1000)),
    milliseconds: (ms: number) =>
      new Intl.NumberFormat(locale.value, { style: 'unit', unit: 'millisecond' }).format(ms),
  }
}
