// A log file that was opened, on its way to the replay view.

import { defineStore } from 'pinia'
import { shallowRef } from 'vue'

export const useRecording = defineStore('recording', () => {
  const text = shallowRef<string | null>(null)
  const name = shallowRef('')

  async function open(file: File): Promise<void> {
    text.value = await readLog(file)
    name.value = file.name
  }

  return { text, name, open }
})

/** As text; a log may be gzipped. */
async function readLog(file: Blob): Promise<string> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer())
  if (head[0] !== 0x1f || head[1] !== 0x8b) return file.text()
  return new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).text()
}
