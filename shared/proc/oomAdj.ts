// /proc/PID/oom_score_adj and its predecessor oom_adj: who may set them to what (fs/proc/base.c).
//
// 2.6.32 has oom_adj alone. 2.6.38 has both, each with a value of its own that follows the other. 6.12 keeps oom_score_adj
// and computes the old file from it. Here both values are kept in every era, so that a switch finds them.

import { EACCES, EINVAL } from '../lib/errno.ts'
import {
  OOM_ADJUST_MAX,
  OOM_ADJUST_MIN,
  OOM_DISABLE,
  OOM_SCORE_ADJ_MAX,
  OOM_SCORE_ADJ_MIN,
} from '../mm/oomScore.ts'
import type { Machine } from '../state/machine.ts'
import { printk } from '../state/printk.ts'
import type { Task } from '../state/task.ts'

/** What oom_adj shows. */
export function oomAdj(m: Machine, task: Task): number {
  return m.era === '6.12' ? seventeenths(task.oomScoreAdj) : task.oomAdj
}

/** oom_adj as 6.12 computes it. */
export function seventeenths(oomScoreAdj: number): number {
  if (oomScoreAdj === OOM_SCORE_ADJ_MAX) return OOM_ADJUST_MAX
  return Math.min(((oomScoreAdj * -OOM_DISABLE) / OOM_SCORE_ADJ_MAX) | 0, OOM_ADJUST_MAX)
}

/** oom_adj as 2.6.38 sets it when oom_score_adj is written. */
function fifteenths(oomScoreAdj: number): number {
  if (oomScoreAdj === OOM_SCORE_ADJ_MIN) return OOM_DISABLE
  return ((oomScoreAdj * OOM_ADJUST_MAX) / OOM_SCORE_ADJ_MAX) | 0
}

/** oom_score_adj when oom_adj is written. */
export function thousandths(oomAdj: number): number {
  if (oomAdj === OOM_ADJUST_MAX) return OOM_SCORE_ADJ_MAX
  return ((oomAdj * OOM_SCORE_ADJ_MAX) / -OOM_DISABLE) | 0
}

/** A user may raise the value and lower it again, but not below the lowest that root has set. */
export function writeOomScoreAdj(writer: Task, task: Task, text: string): number {
  const value = parseInteger(text)
  if (value === null || value < OOM_SCORE_ADJ_MIN || value > OOM_SCORE_ADJ_MAX) return -EINVAL
  if (value < task.oomScoreAdjMin && writer.uid !== 0) return -EACCES
  task.oomScoreAdj = value
  task.oomAdj = fifteenths(value)
  if (writer.uid === 0) task.oomScoreAdjMin = value
  return 0
}

/** A user may only raise the value. */
export function writeOomAdj(m: Machine, writer: Task, task: Task, text: string): number {
  const value = parseInteger(text)
  if (value === null) return -EINVAL
  if ((value < OOM_ADJUST_MIN || value > OOM_ADJUST_MAX) && value !== OOM_DISABLE) return -EINVAL
  const scaled = thousandths(value)
  const lower = m.era === '6.12' ? scaled < task.oomScoreAdj : value < task.oomAdj
  if (lower && writer.uid !== 0) return -EACCES
  if (m.era !== '2.6.32') warnOnce(m, writer, task)
  task.oomAdj = value
  task.oomScoreAdj = scaled
  return 0
}

function warnOnce(m: Machine, writer: Task, task: Task): void {
  const end = `/oom_adj is deprecated, please use /proc/${task.pid}/oom_score_adj instead.`
  if (m.syslog.some(({ text }) => text.includes('/oom_adj is deprecated'))) return
  printk(m, `${writer.comm} (${writer.pid}): /proc/${task.pid}${end}`)
}

/** kstrtoint(strstrip(text), 0): decimal, 0x or leading 0 for octal. */
export function parseInteger(text: string): number | null {
  const [, sign, digits] = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)\s*$/.exec(text) ?? []
  if (digits === undefined) return null
  const octal = /^0[0-7]/.test(digits)
  const value = octal ? parseInt(digits, 8) : Number(digits)
  if (value > 2 ** 31 - 1) return null
  return sign === '-' ? -value : value
}
