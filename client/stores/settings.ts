// What the person chose, kept in this browser.

import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import type { Mode } from '../draw/look.ts'
import { browserLocale, i18n, locales, type Locale } from '../i18n/index.ts'
import { readStored, writeStored } from './storage.ts'

export const themes = ['system', 'light', 'dark', 'projector'] as const
export type Theme = (typeof themes)[number]

/** What is looked at beside the map. */
export type Tab = 'processes' | 'oom' | 'pressure' | 'space' | 'heap'

export const useSettings = defineStore('settings', () => {
  const locale = ref<Locale>(oneOf(locales, readStored('locale'), browserLocale()))
  const theme = ref<Theme>(oneOf(themes, readStored('theme'), 'system'))
  const mode = ref<Mode>('owner')
  const tab = ref<Tab>('processes')
  const name = ref(storedName())
  const system = matchMedia('(prefers-color-scheme: dark)')
  const motion = matchMedia('(prefers-reduced-motion: reduce)')
  const calm = ref(motion.matches)
  const dark = ref(system.matches)
  const lent = ref<Theme | null>(null) // by a view that has a look of its own
  const shown = computed(() => {
    const wanted = lent.value ?? theme.value
    return wanted !== 'system' ? wanted : dark.value ? 'dark' : 'light'
  })
  system.addEventListener('change', ({ matches }) => (dark.value = matches))
  motion.addEventListener('change', ({ matches }) => (calm.value = matches))

  watch(
    locale,
    (to) => {
      i18n.global.locale.value = to
      document.documentElement.lang = to
      writeStored('locale', to)
    },
    { immediate: true },
  )
  watch(shown, (to) => (document.documentElement.dataset.theme = to), { immediate: true })
  watch(theme, (to) => writeStored('theme', to))
  watch(name, (to) => writeStored('name', to))

  return { locale, theme, shown, lent, mode, tab, name, calm }
})

function storedName(): string {
  const name = readStored('name')
  return typeof name === 'string' ? name : ''
}

function oneOf<T>(all: readonly T[], value: unknown, otherwise: T): T {
  return all.includes(value as T) ? (value as T) : otherwise
}
