// A list that grows at its end and stays there while the reader is there.

import { nextTick, onBeforeUnmount, onMounted, ref, watch, type Ref, type WatchSource } from 'vue'

const NEAR_PX = 24

export function usePinned(element: Readonly<Ref<HTMLElement | null>>, content: WatchSource) {
  const atEnd = ref(true)
  let observer: ResizeObserver | null = null

  function toEnd(): void {
    if (element.value) element.value.scrollTop = element.value.scrollHeight
  }

  function noteScroll(): void {
    const { value } = element
    if (value) atEnd.value = value.scrollHeight - value.scrollTop - value.clientHeight < NEAR_PX
  }

  watch(content, async () => {
    await nextTick()
    if (atEnd.value) toEnd()
  })
  onMounted(() => {
    // The space may shrink as well: a hint, a keyboard on a phone.
    observer = new ResizeObserver(() => atEnd.value && toEnd())
    if (element.value) observer.observe(element.value)
  })
  onBeforeUnmount(() => observer?.disconnect())
  return { atEnd, toEnd, noteScroll }
}
