// sysconf(3): what a program may ask about the machine it runs on, by number (bits/confname.h).

import { EINVAL } from '../lib/errno.ts'
import { nrFreePages } from '../mm/pageAlloc.ts'
import { CLK_TCK } from '../state/cputime.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { fail, finish, intArg, type LibFunction } from './call.ts'

export const _SC_ARG_MAX = 0
export const _SC_CHILD_MAX = 1
export const _SC_CLK_TCK = 2
export const _SC_OPEN_MAX = 4
export const _SC_PAGESIZE = 30
export const _SC_PAGE_SIZE = 30
export const _SC_NPROCESSORS_CONF = 83
export const _SC_NPROCESSORS_ONLN = 84
export const _SC_PHYS_PAGES = 85
export const _SC_AVPHYS_PAGES = 86

const LEAST_ARG_MAX = 131072

const answers = new Map<number, (m: Machine, task: Task) => number>([
  [_SC_ARG_MAX, (_m, { rlimits }) => Math.max(LEAST_ARG_MAX, Math.floor(rlimits.stack.soft / 4))],
  [_SC_CHILD_MAX, (_m, { rlimits }) => rlimits.nproc.soft], // -1 without a limit
  [_SC_CLK_TCK, () => CLK_TCK],
  [_SC_OPEN_MAX, (_m, { rlimits }) => rlimits.nofile.soft],
  [_SC_PAGESIZE, (m) => m.pageSize],
  [_SC_NPROCESSORS_CONF, () => 1],
  [_SC_NPROCESSORS_ONLN, () => 1],
  [_SC_PHYS_PAGES, (m) => m.totalramPages],
  [_SC_AVPHYS_PAGES, (m) => nrFreePages(m.zone)],
])

export const sysconf: LibFunction = (c, call) => {
  const answer = answers.get(intArg(call, 0))
  return answer === undefined ? fail(c, call, EINVAL) : finish(call, answer(c.m, c.task))
}
