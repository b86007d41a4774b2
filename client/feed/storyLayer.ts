// The layers that a statement's story goes through, from the program to the machine.

import type { StoryLayer, StoryStep } from './protocol.ts'

export const STORY_LAYERS: readonly StoryLayer[] = ['malloc', 'kernel', 'frames']

/** In which layer of the machine the step was. */
export function layerOf(step: StoryStep): StoryLayer {
  switch (step.kind) {
    case 'brk':
    case 'mapping':
    case 'replaced':
    case 'ended':
      return 'kernel'
    case 'pages':
    case 'tables':
    case 'resident':
      return 'frames'
    case 'nothing':
      return step.layer
    default:
      return 'malloc'
  }
}
