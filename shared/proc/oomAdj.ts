// /proc/PID/oom_score_adj and its predecessor oom_adj: who may set them to what (fs/proc/base.c __set_oom_adj).

import { EACCES, EINVAL } from '../lib/errno.ts'
import { OOM_SCORE_ADJ_MAX, OOM_SCORE_ADJ_MIN } from '../mm/oomKill.ts'
import type { Machine } from '../state/machine.ts'
import { printk } from '../state/printk.ts'
import type { Task } from '../state/task.ts'

const OOM_DISABLE = -17
const OOM_ADJUST_MIN = -16
const OOM_ADJUST_MAX = 15

/** The value of the old file: seventeenths of what is thousandths today. */
export function oomAdj({ oomScoreAdj }: Task): number {
  if (oomScoreAdj === OOM_SCORE_ADJ_MAX) return OOM_ADJUST_MAX
  const scaled = Math.trunc((oomScoreAdj * -OOM_DISABLE) / OOM_SCORE_ADJ_MAX)
  return Math.min(scaled, OOM_ADJUST_MAX)
}

/** A user may raise the value and lower it again, but not below the lowest that root has set. */
export function writeOomScoreAdj(writer: Task, task: Task, text: string): number {
  const value = parseInteger(text)
  if (value === null || value < OOM_SCORE_ADJ_MIN || value > OOM_SCORE_ADJ_MAX) return -EINVAL
  if (value < task.oomScoreAdjMin && writer.uid !== 0) return -EACCES
  task.oomScoreAdj = value
  if (writer.uid === 0) task.oomScoreAdjMin = value
  return 0
}

export function writeOomAdj(m: Machine, writer: Task, task: Task, text: string): number {
  const value = parseInteger(text)
  if (value === null) return -EINVAL
  if ((value < OOM_ADJUST_MIN || value > OOM_ADJUST_MAX) && value !== OOM_DISABLE) return -EINVAL
  const scaled =
    value === OOM_ADJUST_MAX
      ? OOM_SCORE_ADJ_MAX
      : Math.trunc((value * OOM_SCORE_ADJ_MAX) / -OOM_DISABLE)
  if (scaled < task.oomScoreAdj && writer.uid !== 0) return -EACCES
  warnOnce(m, writer, task)
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
