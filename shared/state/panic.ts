// The end of the kernel (kernel/panic.c): nothing runs until the machine is booted anew.

import { TICKS_PER_SECOND, type Machine } from './machine.ts'
import { printk } from './printk.ts'

/** `kernel.panic` says after how many seconds the machine boots itself: 0 never, below 0 at once. */
export function panic(m: Machine, text: string): void {
  const { panicTimeout } = m.sysctl
  m.panic = text
  printk(m, `Kernel panic - not syncing: ${text}`, 'emerg')
  if (panicTimeout > 0) printk(m, `Rebooting in ${panicTimeout} seconds..`, 'emerg')
  else if (panicTimeout === 0 && m.era === '6.12')
    printk(m, `---[ end Kernel panic - not syncing: ${text} ]---`, 'emerg')
  if (panicTimeout !== 0) m.rebootAt = m.ticks + Math.max(panicTimeout, 0) * TICKS_PER_SECOND
}
