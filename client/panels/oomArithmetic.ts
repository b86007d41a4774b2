// The steps of a score as they are written down: what is done to the points, and the key of its words in the catalogue.

import type { OomStep } from '@shared/mm/oomScore.ts'
import type { KernelEra } from '@shared/state/machine.ts'

/** `+ 64`, `÷ 4`, `<< 3`, with numbers as `count` writes them; '' for where the points begin. */
export function operationOf(
  { term, value }: OomStep,
  era: KernelEra,
  totalpages: number,
  count: (n: number) => string,
): string {
  switch (term) {
    case 'children':
    case 'swap':
    case 'pgtables':
      return `+ ${count(value)}`
    case 'cpu_time':
    case 'run_time':
    case 'rawio':
    case 'nodes':
      return `÷ ${count(value)}`
    case 'nice':
      return `× ${value}`
    case 'admin':
      return era === '2.6.32' ? `÷ ${value}` : `− ${value}`
    case 'oom_adj':
      return value > 0 ? `<< ${value}` : `>> ${-value}`
    case 'promille':
      return `× ${count(1000)} ÷ ${count(value)}`
    case 'oom_score_adj': {
      const signed = value < 0 ? `− ${count(-value)}` : `+ ${count(value)}`
      return era === '6.12' ? `${signed} × ${count(Math.floor(totalpages / 1000))}` : signed
    }
    default:
      return ''
  }
}

/** Below `oom.steps` in the catalogue. */
export function wordsOf({ term, value }: OomStep, era: KernelEra) {
  if (term === 'limit') return value === 1 ? 'least' : 'most'
  if (term === 'oom_score_adj' && era === '6.12') return 'oom_score_adj_pages'
  return term
}
