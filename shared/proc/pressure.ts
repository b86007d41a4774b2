// /proc/pressure/memory: the share of time in which tasks stood still for want of memory (psi_show,
// kernel/sched/psi.c).

import { loadText } from '../kernel/loadavg.ts'
import type { Machine, PsiLine } from '../state/machine.ts'

export function procPressureMemory({ psi }: Machine): string {
  return pressureLine('some', psi.some) + pressureLine('full', psi.full)
}

function pressureLine(name: string, { avg10, avg60, avg300, total }: PsiLine): string {
  const averages = `avg10=${loadText(avg10)} avg60=${loadText(avg60)} avg300=${loadText(avg300)}`
  return `${name} ${averages} total=${total}\n`
}
