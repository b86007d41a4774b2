// The frame that is looked at: chosen on the map, or by whoever shows where something lies.

import { defineStore } from 'pinia'
import { ref } from 'vue'

export const useFrames = defineStore('frames', () => {
  const selected = ref<number | null>(null)
  return { selected }
})
