import { describe, expect, it } from 'vitest'
import { classroom } from '../../../helpers/shellRoom.ts'

describe('reboot', () => {
  it('is root’s; everybody’s shell is cut off, and the next line is typed on the new machine', async () => {
    const { room, asRoot, asBen } = await classroom()
    await asBen('cd /tmp; x=5; echo hi > /tmp/notes')
    expect(await asBen('reboot')).toMatchObject({
      err: 'reboot: Operation not permitted\n',
      status: 1,
    })
    const sleeping = asBen('sleep 100; echo over')
    expect(await asRoot('reboot; echo not here')).toEqual({
      out: '',
      err: 'Connection to ramlab closed.\n',
      status: 0,
    })
    expect(await sleeping).toEqual({ out: '', err: 'Connection to ramlab closed.\n', status: 255 })
    expect(room.machine.boots).toBe(2)
    expect((await asBen('pwd; echo "$x"; ls /tmp; cat /proc/$$/comm; sleep 0.1 & wait')).out).toBe(
      '/home/ben\n\nbash\n',
    )
    expect((await asRoot('ps -e --no-headers | wc -l; pwd')).out).toBe('10\n/root\n')
  })

  it('says what it takes', async () => {
    const { room, asRoot } = await classroom()
    expect((await asRoot('reboot --help')).out).toContain('Reboot the system.')
    expect(await asRoot('reboot -x')).toMatchObject({
      err: "reboot: invalid option -- 'x'\n",
      status: 1,
    })
    expect((await asRoot('reboot now')).err).toBe('reboot: Too many arguments.\n')
    expect(room.machine.boots).toBe(1)
  })
})

describe('a kernel that has panicked', () => {
  it('cuts every shell off with its last words and hears nothing but root’s reboot', async () => {
    const { room, asRoot, asBen } = await classroom()
    const words = 'Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled\n'
    await asRoot('echo 1 > /proc/sys/vm/panic_on_oom')
    const dead = { out: '', err: words, status: 255 }
    expect(await asBen('hog forever; echo survived')).toEqual(dead)
    expect(await asBen('ls /')).toEqual(dead)
    expect(await asRoot('dmesg')).toEqual(dead)
    expect(await asBen('reboot')).toMatchObject({ err: 'reboot: Operation not permitted\n' })
    expect(await asRoot('reboot')).toMatchObject({ status: 0 })
    expect(room.machine.panic).toBe('')
    expect(await asBen('echo back')).toEqual({ out: 'back\n', err: '', status: 0 })
  })

  it('with kernel.panic set, the shell waits until the machine is up again', async () => {
    const { room, asRoot, asBen } = await classroom()
    await asRoot('echo 3 > /proc/sys/kernel/panic')
    const ben = asBen('sleep 100')
    const dead = {
      out: '',
      err: 'Kernel panic - not syncing: sysrq triggered crash\n',
      status: 255,
    }
    expect(await asRoot('echo c > /proc/sysrq-trigger')).toEqual(dead)
    expect(await ben).toEqual(dead)
    expect([room.machine.boots, room.machine.panic]).toEqual([2, ''])
    expect((await asBen('cat /proc/sys/kernel/panic')).out).toBe('0\n')
  })
})
