// A command and what came of it, in words that go away.

import { onScopeDispose, ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Command } from '@shared/room/entry.ts'
import { useRefusal } from '../i18n/refusal.ts'
import { useFeed } from './feed.ts'

const SHOWN_MS = 4000

export function useSend() {
  const { t } = useI18n()
  const refusal = useRefusal('prompt.refused')
  const feed = useFeed()
  const note = ref('')
  let timer: ReturnType<typeof setTimeout> | undefined

  async function send(command: Command): Promise<boolean> {
    const { ok, why } = await feed.submit(command)
    note.value = ok ? t('teacher.sent') : refusal(why)
    clearTimeout(timer)
    timer = setTimeout(() => (note.value = ''), SHOWN_MS)
    return ok
  }

  /** echo VALUE > /proc/PATH, as root may. */
  const writeProc = (path: string, value: string | number): Promise<boolean> =>
    send({ t: 'write', path: `/proc/${path}`, text: String(value), append: false })

  onScopeDispose(() => clearTimeout(timer))
  return { note, send, writeProc }
}
