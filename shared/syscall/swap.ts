// System calls about swap devices; root's (mm/swapfile.c).

import { EPERM } from '../lib/errno.ts'
import { swapoff as swapoffDevice, swapon as swaponDevice } from '../mm/swapon.ts'
import { loadCString } from '../mm/uaccess.ts'
import { defineSyscall } from './define.ts'

const PATH_MAX = 4096

export const swapon = defineSyscall({
  nr: 167,
  name: 'swapon',
  args: { path: 'const char *', swapflags: 'int' },
  run(m, task, path) {
    if (task.uid !== 0) return -EPERM
    return swaponDevice(m, loadCString(m, task, path, PATH_MAX))
  },
})

export const swapoff = defineSyscall({
  nr: 168,
  name: 'swapoff',
  args: { path: 'const char *' },
  run(m, task, path) {
    if (task.uid !== 0) return -EPERM
    return swapoffDevice(m, loadCString(m, task, path, PATH_MAX))
  },
})
