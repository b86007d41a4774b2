// The commands that a rewritten script calls (rewrite.ts). Nobody types them.

import { strerror } from '../../lib/errno.ts'
import { LAST_BACKGROUND } from '../rewrite.ts'
import { endMessage, notStarted, runProgram, spawn } from '../program.ts'
import { choomPrefix } from './choom.ts'
import { nicePrefix, type Prefix } from './nice.ts'
import { failed, ok, RECORDING, type Call, type Result } from '../world.ts'

/** __open FILE…: may they be written? Says so as bash does when it opens them. */
export function openForWriting({ args, world, cwd }: Call): Result {
  for (const path of args) {
    const errno = world.fs.openError(world.fs.resolvePath(cwd, path))
    if (errno !== 0) return failed(`bash: ${path}: ${strerror(errno)}\n`)
  }
  return ok('')
}

const BUILTINS = new Set(['echo', 'printf', 'pwd', 'type', 'kill', ''])

/** __wchk NAME: was a write refused? Keeps the status of the command otherwise. */
export async function checkWrites({ args, world, status }: Call): Promise<Result> {
  const errno = await world.fs.takeWriteError()
  if (errno === 0) return { stdout: '', stderr: '', status }
  const [name = ''] = args
  const who = BUILTINS.has(name) ? `bash: ${name === '' ? 'write' : name}` : name
  return failed(`${who}: write error: ${strerror(errno)}\n`)
}

/** __exec PATH ARG…: a built-in program by its path. */
export function execute(call: Call): Promise<Result> {
  const [path, ...args] = call.args
  const image = call.world.fs.imagePath(call.world.fs.resolvePath(call.cwd, path))
  return runProgram({ ...call, name: path }, image ?? path, args)
}

/** __bg NAME ARG…: starts a program and goes on; `$!` is its number. */
export async function background(call: Call): Promise<Result> {
  const { world, tty } = call
  const unwrapped = await unwrap(call)
  if ('status' in unwrapped) return unwrapped
  const { argv, child, stderr } = unwrapped
  const [name] = argv
  if (world.port.readOnly) return failed(`bash: ${name}: ${RECORDING}\n`)
  const path = programPath(call, name)
  if (world.fs.imagePath(path) === null && argv !== call.args) return call.run(argv, child)
  const env = Object.entries(call.env).map(([key, value]) => `${key}=${value}`)
  const out = tty ? world.stdout : () => {}
  const running = await spawn(
    world,
    { path, argv, env, stdout: tty ? 'tty' : 'pipe', ...child },
    out,
  )
  if (typeof running === 'number') return notStarted(name, running)
  const ended = running.ended.then((waitStatus) => {
    world.jobs.delete(String(running.pid))
    world.stderr(endMessage(running.pid, waitStatus, argv))
  })
  world.jobs.set(String(running.pid), ended)
  await call.assign(LAST_BACKGROUND, String(running.pid))
  return { ...ok(''), stderr }
}

/** The program behind `nice -n 5 PROGRAM` and the like, and what it is to set for itself. */
async function unwrap(call: Call): Promise<Prefix | Result> {
  let prefix: Prefix = { stderr: '', argv: call.args, child: call.child }
  for (;;) {
    const [name, ...args] = prefix.argv
    const inner = { ...call, name, args, child: prefix.child }
    if (name !== 'nice' && name !== 'choom') return prefix
    const next = name === 'nice' ? nicePrefix(inner) : await choomPrefix(inner)
    if ('status' in next) return next
    prefix = { ...next, stderr: prefix.stderr + next.stderr }
  }
}

/** The path of a built-in program by what was typed. */
export function programPath({ world, cwd }: Call, name: string): string {
  return name.includes('/') ? world.fs.resolvePath(cwd, name) : `/usr/bin/${name}`
}

/** wait [PID…]: for programs in the background. */
export async function wait({ args, world, signal }: Call): Promise<Result> {
  const pids = args.length > 0 ? args : [...world.jobs.keys()]
  const ended = pids.map((pid) => world.jobs.get(pid) ?? Promise.resolve())
  const interrupted = new Promise<void>((resolve) =>
    signal?.addEventListener('abort', () => resolve(), { once: true }),
  )
  await Promise.race([Promise.all(ended), interrupted])
  return ok('')
}
