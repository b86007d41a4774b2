// /proc/sysrq-trigger: what root asks of the kernel by a letter (drivers/tty/sysrq.c).

import { outOfMemory } from '../mm/oomKill.ts'
import { showMem } from '../mm/showMem.ts'
import type { KernelEra, Machine } from '../state/machine.ts'
import { panic } from '../state/panic.ts'
import { printk } from '../state/printk.ts'

interface SysrqKey {
  help: string // as 6.12 lists it
  oldHelp: string // as 2.6 does
  action: string // said before it is done
  run(m: Machine): void
}

const KEYS: Record<string, SysrqKey> = {
  b: { help: 'reboot(b)', oldHelp: 'reBoot', action: 'Resetting', run: reboot },
  c: { help: 'crash(c)', oldHelp: 'Crash', action: 'Trigger a crash', run: crash },
  f: {
    help: 'memory-full-oom-kill(f)',
    oldHelp: 'memory-full-oom-kill(F)',
    action: 'Manual OOM execution',
    run: (m) => void outOfMemory(m, -1),
  },
  m: {
    help: 'show-memory-usage(m)',
    oldHelp: 'show-memory-usage(M)',
    action: 'Show Memory',
    run: showMem,
  },
}

/** Only the first character counts; one without a meaning brings the list of those that have one. */
export function writeSysrq(m: Machine, text: string): number {
  const prefix = m.era === '6.12' ? 'sysrq: ' : 'SysRq : '
  const key = Object.hasOwn(KEYS, text[0]) ? KEYS[text[0]] : undefined
  if (key === undefined) printk(m, `${prefix}HELP : ${help(m.era)}`, 'info')
  else {
    printk(m, `${prefix}${key.action}`, 'info')
    key.run(m)
  }
  return 0
}

function help(era: KernelEra): string {
  const keys = Object.values(KEYS)
  return keys.map((key) => `${era === '6.12' ? key.help : key.oldHelp} `).join('')
}

/** Done when the command is: what follows it in the log finds the machine booted. */
function reboot(m: Machine): void {
  m.rebootAt = m.ticks
}

function crash(m: Machine): void {
  panic(m, m.era === '6.12' ? 'sysrq triggered crash' : 'Fatal exception')
}
