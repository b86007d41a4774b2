import { expect, it } from 'vitest'
import { form, hasRecordings } from '../../../helpers/recorded.ts'
import { classroom } from '../../../helpers/shellRoom.ts'

it('dmesg shows root what the kernel has said, and only that', async () => {
  const { room, asRoot, asBen } = await classroom()
  const { out } = await asRoot('dmesg')
  expect(out).toMatch(/^\[ {4}0\.000000\] Linux version 6\.12/)
  expect(out).not.toContain('Accepted')
  expect(out.trimEnd().split('\n')).toHaveLength(
    room.machine.syslog.filter(({ ident }) => ident === 'kernel').length,
  )
  expect((await asRoot('dmesg -T | head -1')).out).toMatch(/^\[Sun Nov 22 22:05:54 2026\] Linux/)
  expect((await asBen('dmesg')).status).toBe(1)
})

it.runIf(hasRecordings)('dmesg refuses a user as recorded', async () => {
  const { asBen } = await classroom()
  expect((await asBen('dmesg')).err).toBe(form('idle.user-dmesg'))
})
