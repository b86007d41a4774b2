import { describe, expect, it } from 'vitest'
import { EACCES, EINVAL, ENOENT } from '../../../shared/lib/errno.ts'
import { writeProc } from '../../../shared/proc/write.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

function seats() {
  const room = new OwnRoom()
  const teacher = room.prompt(room.join('Ada', 'teacher'))
  const student = room.prompt(room.join('Ben', 'student'))
  const write = (writer: typeof student, path: string, text: string) =>
    writeProc(room.machine, writer, path, text)
  return { room, teacher, student, write }
}

describe('writing to /proc', () => {
  it('lets a user raise the own score and lower it to where root has left it', () => {
    const { teacher, student, write } = seats()
    const path = `/proc/${student.pid}/oom_score_adj`
    expect(write(student, path, '5\n')).toBe(0)
    expect(write(student, path, '4\n')).toBe(0)
    expect(write(student, path, '-5\n')).toBe(-EACCES)
    expect(student.oomScoreAdj).toBe(4)
    expect(write(teacher, path, '-500')).toBe(0)
    expect(write(teacher, path, '100')).toBe(0)
    expect(write(student, path, '99')).toBe(-EACCES)
    expect(write(student, path, '0x64')).toBe(0)
  })

  it('refuses other people’s processes, garbage and values out of range', () => {
    const { teacher, student, write } = seats()
    expect(write(student, `/proc/${teacher.pid}/oom_score_adj`, '5')).toBe(-EACCES)
    for (const text of ['x', '1001', '-1001', '1 2', '']) {
      const expected = text === '' ? 0 : -EINVAL
      expect(write(student, `/proc/${student.pid}/oom_score_adj`, text), text).toBe(expected)
    }
    expect(write(student, '/proc/99999/oom_score_adj', '1')).toBe(-ENOENT)
  })

  it('translates the old file and says once that it is old', () => {
    const { room, teacher, student, write } = seats()
    expect(write(teacher, `/proc/${student.pid}/oom_adj`, '-17')).toBe(0)
    expect(student.oomScoreAdj).toBe(-1000)
    expect(write(teacher, `/proc/${student.pid}/oom_adj`, '15')).toBe(0)
    expect(student.oomScoreAdj).toBe(1000)
    expect(write(student, `/proc/${student.pid}/oom_adj`, '14')).toBe(-EACCES)
    expect(write(teacher, `/proc/${student.pid}/oom_adj`, '16')).toBe(-EINVAL)
    const warnings = room.machine.syslog.filter(({ text }) => text.includes('is deprecated'))
    expect(warnings.map(({ text }) => text)).toEqual([
      `ic (${teacher.pid}): /proc/${student.pid}/oom_adj is deprecated, please use /proc/${student.pid}/oom_score_adj instead.`,
    ])
  })

  it('lets root set what the kernel obeys, within bounds', () => {
    const { room, teacher, student, write } = seats()
    expect(write(teacher, '/proc/sys/vm/overcommit_memory', '2\n')).toBe(0)
    expect(room.machine.sysctl.overcommitMemory).toBe(2)
    expect(write(teacher, '/proc/sys/vm/overcommit_memory', '3')).toBe(-EINVAL)
    expect(write(student, '/proc/sys/vm/overcommit_memory', '1')).toBe(-EACCES)
    expect(write(teacher, '/proc/sys/vm/min_free_kbytes', '2048')).toBe(0)
    expect(room.machine.zone.watermarkMin).toBe(512)
  })

  it('starts the OOM killer for root', () => {
    const { room, teacher, student, write } = seats()
    student.oomScoreAdj = 1000
    expect(write(student, '/proc/sysrq-trigger', 'f')).toBe(-EACCES)
    expect(write(teacher, '/proc/sysrq-trigger', 'f')).toBe(0)
    expect(student.mm!.oomSkip).toBe(true)
    expect(room.machine.syslog.at(-1)!.text).toContain(`Killed process ${student.pid} (ic)`)
  })
})
