// Why the server said no, in the reader's language.

import { useI18n } from 'vue-i18n'

/** Words under `prefix` in the catalogue; one that is not there is shown as it came. */
export function useRefusal(prefix: 'refused' | 'prompt.refused') {
  const i18n = useI18n()
  return (why: string, values: Record<string, string> = {}): string => {
    const key = `${prefix}.${why}`
    return i18n.te(key) ? i18n.t(key, values) : i18n.t('refused.other', { why })
  }
}
