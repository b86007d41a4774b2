import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { expect, it } from 'vitest'
import { apply, createMachine } from '../../../shared/machine/machine.ts'
import { procSyslog } from '../../../shared/proc/syslog.ts'

it('a login is a line of sshd with date and host; the kernel’s lines have the time since boot as well', () => {
  const m = createMachine(
    { ...DEFAULT_OPTIONS, ram: 16 << 20, hostname: 'lab' },
    Date.UTC(2026, 8, 7, 8, 15, 2),
  )
  apply(m, 1, { t: 'seat', name: 'Ada', role: 'student', from: '::ffff:192.168.1.5' })
  const lines = procSyslog(m).trimEnd().split('\n')
  expect(lines[0]).toMatch(/^Sep {2}7 08:15:02 lab kernel: \[ {4}0\.000000\] Linux version 6\.12/)
  expect(lines.at(-1)).toMatch(
    /^Sep {2}7 08:15:02 lab sshd\[\d+\]: Accepted publickey for ada from ::ffff:192\.168\.1\.5 port \d+ ssh2$/,
  )
})
