// What cannot be taken back wants a second press, lest one misses a line in a moving list.

import { onScopeDispose, ref } from 'vue'

const SURE_MS = 3000

export function useSure() {
  const sure = ref('') // what a second press does
  let timer: ReturnType<typeof setTimeout> | undefined

  /** True for the second press within a moment. */
  function isSure(what: string): boolean {
    clearTimeout(timer)
    if (sure.value === what) {
      sure.value = ''
      return true
    }
    sure.value = what
    timer = setTimeout(() => (sure.value = ''), SURE_MS)
    return false
  }

  onScopeDispose(() => clearTimeout(timer))
  return { sure, isSure }
}
