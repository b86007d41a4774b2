// `oomroom sh`: a machine of one's own.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TextDecoder } from 'node:util'
import { engineId } from '../engine.ts'
import { OwnMachine } from '../ownMachine.ts'
import { TEXT_MAX } from '../../shared/wire/schema.ts'
import { machineOptionArgs, readArgs, readMachineOptions } from './args.ts'
import { Failure, UsageError } from './errors.ts'
import { runCommands, runTerminal, type Drive } from './terminal.ts'

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args,
    options: {
      ...machineOptionArgs,
      command: { type: 'string', short: 'c' },
      mount: { type: 'string' },
      user: { type: 'string', default: 'student' },
    },
    allowPositionals: true,
  })
  if (positionals.length > 0)
    throw new UsageError('sh [-c CMDS] [MACHINE OPTIONS] [--mount DIR] [--user root|NAME]')
  const options = readMachineOptions(values)
  const user = String(values.user)
  const own = new OwnMachine(options, engineId(), Date.now())
  own.login(user, user === 'root' ? 'teacher' : 'student')
  if (typeof values.mount === 'string') await mount(own, values.mount)
  const drive: Drive = (work) => own.during(work)
  if (typeof values.command === 'string') return runCommands(own, values.command, drive)
  return runTerminal(own, drive)
}

/** Puts the directory's text files into /mnt, written by a root of its own. */
async function mount(own: OwnMachine, dir: string): Promise<void> {
  const names = await readdir(dir, { withFileTypes: true, recursive: true }).catch(
    (error: Error) => {
      throw new Failure(`--mount ${dir}: ${error.message}`)
    },
  )
  const root = own.login('mount', 'teacher')
  names.sort((a, b) => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1))
  for (const entry of names) {
    const path = join(entry.parentPath, entry.name)
    const inside = '/mnt' + path.slice(join(dir, '/').length - 1).replaceAll('\\', '/')
    if (entry.isDirectory()) own.enter(root, { t: 'mkdir', path: inside, mode: 0o755 })
    else if (entry.isFile()) await copyIn(own, root, path, inside)
  }
}

async function copyIn(own: OwnMachine, root: number, path: string, inside: string): Promise<void> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path))
  } catch {
    process.stderr.write(`oomroom: ${path} is no text and was left out\n`)
    return
  }
  let at = 0
  do {
    const command = {
      t: 'write',
      path: inside,
      text: text.slice(at, at + TEXT_MAX),
      append: at > 0,
    } as const
    const { errno } = own.enter(root, command)
    if (errno !== undefined) throw new Failure(`--mount: ${inside}: errno ${errno}`)
    at += TEXT_MAX
  } while (at < text.length)
}
