// System calls about swap devices; root's (mm/swapfile.c).

import { EPERM } from '../lib/errno.ts'
import { swapoff as swapoffDevice, swapon as swaponDevice } from '../mm/swapon.ts'
import { loadCString } from '../mm/uaccess.ts'
import { defineSyscall } from './define.ts'
import { SWAP_FLAGS } from './flags.ts'
import { arg, hexRest, takeNames } from './strace.ts'

const PATH_MAX = 4096
const SWAP_FLAG_PRIO_MASK = 0x7fff

/** `SWAP_FLAG_PREFER|5`: the bits, then the priority. */
const swapFlags = arg(
  'int',
  (_t, value) => {
    const priority = value & SWAP_FLAG_PRIO_MASK
    const { found, rest } = takeNames((value & ~SWAP_FLAG_PRIO_MASK) >>> 0, SWAP_FLAGS)
    return [...found, ...hexRest(rest), String(priority)].join('|')
  },
  SWAP_FLAGS,
)

export const swapon = defineSyscall({
  nr: 167,
  i386: 87,
  name: 'swapon',
  args: { path: 'const char *', swapflags: swapFlags },
  run(m, task, path) {
    if (task.uid !== 0) return -EPERM
    return swaponDevice(m, loadCString(m, task, path, PATH_MAX))
  },
})

export const swapoff = defineSyscall({
  nr: 168,
  i386: 115,
  name: 'swapoff',
  args: { path: 'const char *' },
  run(m, task, path) {
    if (task.uid !== 0) return -EPERM
    return swapoffDevice(m, loadCString(m, task, path, PATH_MAX))
  },
})
