// A shell on the machine: bash outside of it, in the user's browser or terminal, which looks at the replica and sends
// commands. The seat's login shell is a process on the machine all the same: programs are its children, /proc/self is
// it, and when it is killed this shell is at its end.

import { loadBash, mkBash, whenOf, type Bash } from './bash.ts'
import { COMMANDS, PROGRAMS, STREAMS } from './commands/index.ts'
import { rebootMachine } from './commands/reboot.ts'
import { MachineFs } from './fs.ts'
import type { MachinePort } from './port.ts'
import type { Machine } from '../state/machine.ts'
import { machineOf, seatOf, shellTask, type Signal, type World } from './world.ts'

export interface ShellOptions {
  /** Messages name the line of the script, as `bash -c` does it; false at a prompt. */
  script?: boolean
  /** Put what is typed and printed into the log, so that a replay shows it. */
  notes?: boolean
}

export interface ExecOptions {
  signal?: Signal
  /** Standard input whole; as a function it is read only when the C prompt asks for it. */
  stdin?: string | (() => Promise<string>)
  stdout: (text: string) => void
  stderr: (text: string) => void
}

export interface Shell {
  /** Runs commands; output comes while they run. Never rejects for what a user does. */
  exec(source: string, options: ExecOptions): Promise<{ status: number }>
  /** The prompt's text: `student@oomroom:~$ `. */
  prompt(): string
}

/** What bash exits with when a signal ends it. */
const KILLED = 137
const INTERRUPTED = 130
/** What ssh exits with when the machine does not answer any more. */
const DISCONNECTED = 255

export async function createShell(port: MachinePort, options: ShellOptions = {}): Promise<Shell> {
  const module = await loadBash()
  const script = options.script ?? true
  const silent: ExecOptions = { stdout: () => {}, stderr: () => {} }
  let output = silent
  const stderrLine = (text: string, line: number) => {
    const fixed = fs.fixErrors(text, cwd)
    output.stderr(script ? fixed.replace(/^bash: (?!line \d)/gm, `bash: line ${line}: `) : fixed)
  }

  let names: ReadonlySet<string> = new Set()
  const fs = new MachineFs({
    port,
    uid: () => seatOf(world).uid,
    pid: () => shellTask(world)?.pid ?? 0,
    commands: () => names,
    when: await whenOf(module),
    stdout: (text) => output.stdout(text),
    stderr: stderrLine,
  })
  const world: World = {
    port,
    fs,
    stdout: (text) => output.stdout(text),
    stderr: (text) => stderrLine(text, 1),
    stdin: null,
    terminal: { seen: 0, watchers: 0 },
    jobs: new Map(),
  }
  let env: Record<string, string> = {}
  let cwd = '/'
  let boots = 0
  let bash: Bash
  const login = () => {
    env = loginEnvironment(world)
    cwd = env.PWD
    boots = machineOf(world).boots
    world.terminal = { seen: 0, watchers: 0 }
    const task = shellTask(world)
    bash = mkBash(
      module,
      {
        fs,
        world: () => world,
        commands: COMMANDS,
        env,
        cwd,
        uid: seatOf(world).uid,
        pid: task?.pid ?? 0,
        ppid: task?.parent?.pid ?? 0,
      },
      {
        programs: PROGRAMS,
        streams: STREAMS,
        isProgram: (path) => fs.imagePath(fs.resolvePath(cwd, path)) !== null,
      },
    )
    names = bash.names
  }
  login()

  async function exec(source: string, to: ExecOptions): Promise<{ status: number }> {
    if (!port.readOnly && machineOf(world).panic !== '') return onDeadMachine(world, source, to)
    if (machineOf(world).boots !== boots) login()
    if (!port.readOnly && shellTask(world) === null && !(await loginAgain(port))) {
      to.stderr('bash: the login shell has been killed, and a new one cannot be started\n')
      return { status: KILLED }
    }
    const printed = options.notes ? noting(to) : null
    output = printed ?? to
    fs.forgetErrors()
    await note(port, printed && { line: source })
    const stop = mkAbort()
    const interrupt = () => stop.abort()
    if (to.signal?.aborted) interrupt()
    to.signal?.addEventListener('abort', interrupt, { once: true })
    const { stdin = '' } = to
    const text = typeof stdin === 'string' ? stdin : ''
    world.stdin = typeof stdin === 'string' ? null : stdin
    const running = bash.exec(source, { stdin: text, signal: stop.signal, env, cwd })
    running.catch(() => {})
    const gone = whenGone(world)
    try {
      const result = await Promise.race([running, gone.promise])
      if ('why' in result) {
        stop.abort()
        output.stderr(result.why)
        await whenBooted(world, to.signal)
        return { status: result.status }
      }
      output.stdout(result.stdout)
      stderrLine(result.stderr, 1)
      env = { ...result.env }
      cwd = env.PWD ?? cwd
      return { status: to.signal?.aborted ? INTERRUPTED : result.exitCode }
    } catch (error) {
      if (to.signal?.aborted) return { status: INTERRUPTED }
      output.stderr(`bash: ${error instanceof Error ? error.message : String(error)}\n`)
      return { status: 1 }
    } finally {
      gone.stop()
      to.signal?.removeEventListener('abort', interrupt)
      await note(port, printed && printed.out !== '' ? { out: printed.out } : null)
      output = silent
    }
  }

  return {
    exec,
    prompt: () => promptText(world, cwd, env.HOME),
  }
}

/** What ends a shell from outside. */
interface Gone {
  why: string
  status: number
}

/** Fulfilled when the kernel panics, the machine is booted anew or the login shell dies: then whatever runs is cut off. */
function whenGone(world: World): { promise: Promise<Gone>; stop: () => void } {
  const { port } = world
  const m = machineOf(world)
  const { boots } = m
  const closed = `Connection to ${m.options.hostname} closed.\n`
  let stop = () => {}
  const promise = new Promise<Gone>((resolve) => {
    if (port.readOnly) return
    stop = port.onApplied((entry) => {
      const now = machineOf(world)
      // Who has booted the machine has got what was wanted.
      if (now.boots !== boots)
        resolve({ why: closed, status: entry.seat === port.seat ? 0 : DISCONNECTED })
      else if (now.panic !== '') resolve({ why: lastWords(now), status: DISCONNECTED })
      else if (shellTask(world) === null) resolve({ why: closed, status: KILLED })
    })
  })
  return { promise, stop }
}

function lastWords({ panic }: Machine): string {
  return `Kernel panic - not syncing: ${panic}\n`
}

/** Waits for a machine that boots itself after a panic; no longer than the user does. */
async function whenBooted(world: World, signal: Signal | undefined): Promise<void> {
  const coming = () => machineOf(world).panic !== '' && machineOf(world).rebootAt >= 0
  if (!coming()) return
  let stop = () => {}
  await new Promise<void>((resolve) => {
    stop = world.port.onApplied(() => {
      if (!coming()) resolve()
    })
    signal?.addEventListener('abort', () => resolve(), { once: true })
  })
  stop()
}

/** The kernel has panicked: only root's `reboot` is heard, as a button on the machine would be. */
async function onDeadMachine(
  world: World,
  source: string,
  { stderr, signal }: ExecOptions,
): Promise<{ status: number }> {
  if (!/^\s*reboot(\s+(-f|--force))?\s*$/.test(source)) {
    stderr(lastWords(machineOf(world)))
    await whenBooted(world, signal)
    return { status: DISCONNECTED }
  }
  const { stderr: said, status } = await rebootMachine(world)
  stderr(said)
  return { status }
}

interface Abort {
  signal: Signal
  abort: () => void
}

/** The web's AbortController, which Node has, too; the types of this folder know neither. */
function mkAbort(): Abort {
  const { AbortController } = globalThis as unknown as { AbortController: new () => Abort }
  return new AbortController()
}

/** A login shell that was killed is replaced, as by connecting again; false if the machine can't. */
async function loginAgain(port: MachinePort): Promise<boolean> {
  try {
    return (await port.submit({ t: 'prompt' })).task !== undefined
  } catch {
    return false
  }
}

// What one note holds of a command's output.
const NOTE_MAX = 4096

function noting(to: ExecOptions): ExecOptions & { out: string } {
  const kept = {
    ...to,
    out: '',
    stdout: (text: string) => {
      kept.out = (kept.out + text).slice(-NOTE_MAX)
      to.stdout(text)
    },
    stderr: (text: string) => {
      kept.out = (kept.out + text).slice(-NOTE_MAX)
      to.stderr(text)
    },
  }
  return kept
}

async function note(
  port: MachinePort,
  text: { line?: string; out?: string } | null,
): Promise<void> {
  if (text === null || port.readOnly) return
  // A terminal that is not recorded is no reason to stop.
  await port.submit({ t: 'note', ...text }).catch(() => {})
}

function loginEnvironment(world: World): Record<string, string> {
  const { uid, user } = seatOf(world)
  const wanted = uid === 0 ? '/root' : `/home/${user}`
  const home = world.fs.resolvePath('/', wanted)
  const cwd = shellTask(world)?.cwdPath ?? '/'
  return {
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: '/bin/bash',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOSTNAME: machineOf(world).options.hostname,
    PWD: cwd,
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
  }
}

function promptText(world: World, cwd: string, home: string): string {
  const { uid, user } = seatOf(world)
  const { hostname } = machineOf(world).options
  const inHome = cwd === home || cwd.startsWith(home + '/')
  const where = inHome ? '~' + cwd.slice(home.length) : cwd
  return `${user}@${hostname}:${where}${uid === 0 ? '#' : '$'} `
}
