// What writing to a file in /proc does. Called on the machine, for the command that a shell has sent.

import { EACCES, EIO, EISDIR, ENOENT } from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { emit } from '../trace/trace.ts'
import { writeOomAdj, writeOomScoreAdj } from './oomAdj.ts'
import { findProc, mayOpen } from './root.ts'
import { writeSysrq } from './sysrq.ts'

/** The writer writes the text to /proc/…; 0 or a negative errno. */
export function writeProc(m: Machine, writer: Task, path: string, text: string): number {
  const node = findProc(m, path, writer.pid)
  if (node === null) return -ENOENT
  if (node.kind !== 'file') return -EISDIR
  if (!mayOpen(node, writer.uid, 2)) return -EACCES
  if (text === '') return 0 // opened and closed
  if (node.sysctl !== undefined) return node.sysctl.write(m, text, writer)
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (node.task !== undefined && name === 'oom_score_adj')
    return traceOomScoreAdj(m, writer, node.task, writeOomScoreAdj(writer, node.task, text))
  if (node.task !== undefined && name === 'oom_adj')
    return traceOomScoreAdj(m, writer, node.task, writeOomAdj(m, writer, node.task, text))
  if (name === 'sysrq-trigger') return writeSysrq(m, text)
  return -EIO
}

/** Tells those who watch of a value that has been set; returns the result. */
function traceOomScoreAdj(m: Machine, writer: Task, task: Task, result: number): number {
  if (result < 0 || !m.trace.on.oom_score_adj_update) return result
  const { pid, comm, oomScoreAdj } = task
  const args = { pid, comm, oom_score_adj: oomScoreAdj }
  emit(m.trace, m.ticks, writer.pid, 'oom_score_adj_update', args)
  return result
}
