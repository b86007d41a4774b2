import { describe, expect, it } from 'vitest'
import { procStatus } from '../../../shared/proc/status.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { hasRecordings, labels, layout } from '../../helpers/recorded.ts'

describe('/proc/PID/status', () => {
  const room = new OwnRoom()
  const task = room.prompt(room.join('Ben', 'student'))
  const status = procStatus(room.machine, task)
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)![1])

  it('knows who it is', () => {
    expect(status).toMatch(/^Name:\tic\nUmask:\t0022\nState:\tS \(sleeping\)\n/)
    expect(status).toContain(`Pid:\t${task.pid}\nPPid:\t${task.parent!.pid}\n`)
    expect(status).toContain('Uid:\t1001\t1001\t1001\t1001\n')
  })

  it('splits what is resident', () => {
    expect(kb('VmRSS')).toBe(kb('RssAnon') + kb('RssFile') + kb('RssShmem'))
    expect(kb('VmHWM')).toBeGreaterThanOrEqual(kb('VmRSS'))
    expect(kb('VmStk')).toBe(132)
  })

  it('has no sizes for a zombie', () => {
    const zombie = { ...task, mm: null, state: 'Z' as const }
    expect(procStatus(room.machine, zombie)).not.toContain('Vm')
  })

  it.runIf(hasRecordings)('has the labels, order and columns of the recorded file', () => {
    const recorded = layout('areas.0.txt', 'cat /proc/PID/status')
    expect(labels(status)).toEqual(labels(recorded))
    const line = (text: string) => /^VmSize:.*$/m.exec(text)![0].length
    expect(line(status)).toBe(line(recorded))
    const constant = (text: string) =>
      text.split('\n').filter((each) => /^(Umask|Cap|Mems|Cpus|Spec|Seccomp|Sig[PB])/.test(each))
    expect(constant(status)).toEqual(constant(recorded))
  })
})
