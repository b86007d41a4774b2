// The machine is booted anew: it stays the same object, and what was in RAM is gone, files and syslog too. Who had a seat
// gets a login shell and a C prompt again, as by connecting again. What the host's balloon wants, it wants still.

import { TICK_MS, type Machine } from '../state/machine.ts'
import { startBalloonThread } from '../kernel/kthread.ts'
import { setBalloonTarget } from '../mm/balloon.ts'
import { bootMachine } from './boot.ts'
import { settle, uidOf } from './login.ts'

export function rebootMachine(m: Machine): void {
  const now = m.bootTime + m.ticks * TICK_MS
  Object.assign(m, bootMachine(m.options, now, m))
  if (m.balloon.target > 0 && startBalloonThread(m)) setBalloonTarget(m, m.balloon.target)
  for (const [seat, login] of [...m.logins]) if (login !== 'none') settle(m, seat, uidOf(m, seat))
}
