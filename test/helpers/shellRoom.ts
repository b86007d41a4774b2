// Shells for tests, and what a command answers in one.

import { createShell, type Shell } from '../../shared/shell/shell.ts'
import { OwnRoom } from './ownRoom.ts'

export interface Ran {
  out: string
  err: string
  status: number
}

export async function run(room: OwnRoom, shell: Shell, source: string, stdin = ''): Promise<Ran> {
  const ran = { out: '', err: '' }
  const { status } = await room.during(
    shell.exec(source, {
      stdin,
      stdout: (text) => (ran.out += text),
      stderr: (text) => (ran.err += text),
    }),
  )
  return { ...ran, status }
}

/** A teacher (seat 1) and a student (seat 2) at a fresh machine. */
export async function classroom() {
  const room = new OwnRoom()
  const root = await createShell(room.port(room.join('Ada', 'teacher')))
  const ben = await createShell(room.port(room.join('Ben', 'student')))
  return {
    room,
    ben,
    asRoot: (source: string, stdin = '') => run(room, root, source, stdin),
    asBen: (source: string, stdin = '') => run(room, ben, source, stdin),
  }
}
