import { describe, expect, it } from 'vitest'
import { EACCES, EISDIR, ENOENT, ENOTDIR } from '../../../shared/lib/errno.ts'
import { listProc, readProc } from '../../../shared/proc/root.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

describe('/proc', () => {
  const room = new OwnRoom()
  const { machine: m } = room
  const teacher = room.prompt(room.join('Ada', 'teacher'))
  const student = room.prompt(room.join('Ben', 'student'))
  const file = (pid: number, name: string, uid: number) => readProc(m, `/proc/${pid}/${name}`, uid)

  it('lists the processes and itself', () => {
    const listed = listProc(m, '/proc', student.uid, student.pid)
    const names = 'names' in listed ? listed.names : []
    for (const pid of m.tasks.keys()) expect(names).toContain(String(pid))
    expect(names).toContain('self')
    expect(names).toContain('meminfo')
  })

  it('shows a process’s mappings to its user and to root only', () => {
    for (const name of ['maps', 'smaps', 'smaps_rollup']) {
      expect(file(student.pid, name, student.uid)).toHaveProperty('text')
      expect(file(student.pid, name, 0)).toHaveProperty('text')
      expect(file(teacher.pid, name, student.uid)).toEqual({ errno: EACCES })
    }
  })

  it('shows scores and sizes to everyone', () => {
    for (const name of ['oom_score', 'oom_score_adj', 'status', 'statm', 'stat', 'cmdline']) {
      expect(file(teacher.pid, name, student.uid)).toHaveProperty('text')
    }
    expect(file(teacher.pid, 'wchan', student.uid)).toEqual({ text: '0' })
  })

  it('says what is not there, what is a directory and what is none', () => {
    expect(readProc(m, '/proc/99999/maps', 0)).toEqual({ errno: ENOENT })
    expect(readProc(m, '/proc/1/nothing', 0)).toEqual({ errno: ENOENT })
    expect(readProc(m, '/proc/1', 0)).toEqual({ errno: EISDIR })
    expect(listProc(m, '/proc/1/maps', 0)).toEqual({ errno: ENOTDIR })
    expect(readProc(m, '/proc/self/comm', 0)).toEqual({ errno: ENOENT })
  })

  it('follows self to the reader', () => {
    const own = readProc(m, '/proc/self/status', student.uid, student.pid)
    expect(own).toEqual(file(student.pid, 'status', student.uid))
  })

  it('gives every file without changing the machine', () => {
    const before = JSON.stringify([m.ticks, m.zone.freePages, m.vmstat, m.nextId, m.syslogLines])
    const queue = ['/proc']
    let files = 0
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const listed = listProc(m, path, 0, 1)
      if ('names' in listed) queue.push(...listed.names.map((name) => `${path}/${name}`))
      else files += 'text' in readProc(m, path, 0, 1) ? 1 : 0
    }
    expect(files).toBeGreaterThan(100)
    expect(JSON.stringify([m.ticks, m.zone.freePages, m.vmstat, m.nextId, m.syslogLines])).toBe(
      before,
    )
  })

  it('has zero bytes between and after the arguments', () => {
    expect(file(student.pid, 'cmdline', 0)).toEqual({ text: 'ic\0' })
  })
})
