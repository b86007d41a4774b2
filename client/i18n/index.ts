// The catalogues behind vue-i18n. The first language is the browser's, unless one was chosen.

import { createI18n } from 'vue-i18n'
import { de } from './de.ts'
import { en, type Catalogue } from './en.ts'

export const locales = ['en', 'de'] as const
export type Locale = (typeof locales)[number]
export const localeNames: Record<Locale, string> = { en: 'English', de: 'Deutsch' }

declare module 'vue-i18n' {
  // The keys that t() accepts.
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  export interface DefineLocaleMessage extends Catalogue {}
}

export function browserLocale(): Locale {
  return navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en'
}

export const i18n = createI18n({
  legacy: false,
  locale: browserLocale(),
  fallbackLocale: 'en',
  messages: { en, de },
})
