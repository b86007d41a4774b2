// just-bash: the only file that runs it. It is loaded when the first shell is opened.

import type { CustomCommand, IFileSystem, TransformPlugin } from 'just-bash'
import type { ChildSettings } from '../machine/command.ts'
import type { MachineFs } from './fs.ts'
import { FORK_MARK, rewrite, TTY2_MARK, TTY_MARK, type RewriteOptions } from './rewrite.ts'
import { decodeUtf8 } from './text.ts'
import { failed, type Call, type Command, type Result, type Signal, type World } from './world.ts'

type Module = typeof import('just-bash')
type When = Awaited<ReturnType<IFileSystem['stat']>>['mtime']

/** Of just-bash's own commands those that make sense on the machine. */
const BUNDLED = [
  'alias',
  'awk',
  'base64',
  'basename',
  'bash',
  'cat',
  'chmod',
  'clear',
  'column',
  'comm',
  'cp',
  'cut',
  'diff',
  'dirname',
  'du',
  'echo',
  'egrep',
  'env',
  'expand',
  'expr',
  'false',
  'fgrep',
  'file',
  'find',
  'fold',
  'grep',
  'head',
  'help',
  'history',
  'join',
  'ln',
  'ls',
  'md5sum',
  'mkdir',
  'mv',
  'nl',
  'od',
  'paste',
  'printenv',
  'printf',
  'pwd',
  'readlink',
  'rev',
  'rm',
  'rmdir',
  'sed',
  'seq',
  'sh',
  'sha256sum',
  'sort',
  'split',
  'stat',
  'strings',
  'tac',
  'tail',
  'tee',
  'time',
  'timeout',
  'touch',
  'tr',
  'tree',
  'true',
  'unalias',
  'unexpand',
  'uniq',
  'wc',
  'which',
  'xargs',
] as const

/** They read files, and say of any that they can't that it does not exist. */
const READERS = [
  'cat',
  'cut',
  'grep',
  'head',
  'ls',
  'nl',
  'od',
  'sort',
  'tac',
  'tail',
  'uniq',
  'wc',
]

// Not Infinity: just-bash adds to some of its limits and wants whole numbers.
const UNLIMITED = 2 ** 52

export interface BashOptions {
  fs: MachineFs
  world: () => World
  commands: ReadonlyMap<string, Command>
  env: Record<string, string>
  cwd: string
  uid: number
  pid: number
  ppid: number
}

export interface Bash {
  names: ReadonlySet<string>
  exec(
    source: string,
    options: { stdin: string; signal?: Signal; env: Record<string, string>; cwd: string },
  ): Promise<{ stdout: string; stderr: string; exitCode: number; env: Record<string, string> }>
}

let loading: Promise<Module> | null = null

/** Loads just-bash once; a quarter of a second the first time. */
export function loadBash(): Promise<Module> {
  loading ??= import('just-bash')
  return loading
}

/** A time as just-bash's files have it. Its constructor is taken from there: this folder has no clock. */
export async function whenOf(module: Module): Promise<(ms: number) => When> {
  const { mtime } = await new module.InMemoryFs().stat('/')
  const Constructor = mtime.constructor as new (ms: number) => When
  return (ms) => new Constructor(ms)
}

export function mkBash(module: Module, options: BashOptions, rewriting: RewriteOptions): Bash {
  const names = new Set<string>([...BUNDLED, ...options.commands.keys()])
  const bash = new module.Bash({
    fs: options.fs,
    env: options.env,
    cwd: options.cwd,
    commands: BUNDLED.filter((name) => module.getCommandNames().includes(name)),
    customCommands: [
      ...READERS.map((name) => mkReader(module, name, options.fs)),
      ...[...options.commands].map(([name, command]) => mkCommand(module, name, command, options)),
    ],
    defenseInDepth: false,
    executionLimits: {
      maxCommandCount: UNLIMITED,
      maxLoopIterations: UNLIMITED,
      maxExecutionTimeMs: UNLIMITED,
      maxOutputSize: UNLIMITED,
      maxWorkUnits: UNLIMITED,
    },
    processInfo: { pid: options.pid, ppid: options.ppid, uid: options.uid, gid: options.uid },
  })
  // Only the script that was typed is rewritten; what commands run in their turn (xargs, bash -c) is not at the terminal.
  let typed = false
  const plugin: TransformPlugin = {
    name: 'terminal',
    transform: ({ ast }) => {
      if (typed) rewrite(ast, rewriting)
      typed = false
      return { ast }
    },
  }
  bash.registerTransformPlugin(plugin)
  return {
    names,
    exec(source, { stdin, signal, env, cwd }) {
      typed = true
      return bash.exec(source, { stdin, env, cwd, signal: signal as never })
    },
  }
}

function mkReader(module: Module, name: string, fs: MachineFs): CustomCommand {
  return module.defineCommand(name, async (args, ctx) => {
    const result = await ctx.origCommand!(args)
    return { ...result, stderr: fs.fixErrors(result.stderr, ctx.cwd) }
  })
}

/** A command that the room refuses has failed, with the room's reason. */
async function attempt(command: Command, call: Call): Promise<Result> {
  try {
    return await command(call)
  } catch (error) {
    return failed(`bash: ${call.name}: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}

/** The variable in which a subshell keeps what its programs are to set for themselves. */
const CHILD_SETTINGS = '__CHILD'

function childSettings(text: string | undefined): ChildSettings {
  try {
    return JSON.parse(text ?? '{}') as ChildSettings
  } catch {
    return {}
  }
}

function mkCommand(module: Module, name: string, command: Command, options: BashOptions) {
  return module.defineCommand(name, async (args, ctx) => {
    const {
      [TTY_MARK]: mark,
      [TTY2_MARK]: mark2,
      [FORK_MARK]: fork,
      [CHILD_SETTINGS]: _,
      ...env
    } = ctx.exportedEnv ?? {}
    const result = await attempt(command, {
      world: options.world(),
      name,
      args,
      stdin: decodeUtf8(ctx.stdin as unknown as string),
      env,
      cwd: ctx.cwd,
      tty: mark === '1',
      tty2: mark2 === '1',
      status: Number(ctx.env.get('?') ?? 0),
      signal: ctx.signal,
      assign: (variable, value) => ctx.assignShellVariable?.(variable, value),
      forked: fork === '1',
      child: childSettings(ctx.env.get(CHILD_SETTINGS)),
      settle: (child) => ctx.assignShellVariable?.(CHILD_SETTINGS, JSON.stringify(child)),
      async run([command = '', ...rest], child) {
        const ran = await ctx.exec!(`'${command.replaceAll("'", "'\\''")}'`, {
          cwd: ctx.cwd,
          args: rest,
          stdin: ctx.stdin as unknown as string,
          stdinKind: 'bytes',
          signal: ctx.signal,
          env: {
            [CHILD_SETTINGS]: JSON.stringify(child),
            ...(mark === '1' && { [TTY_MARK]: '1' }),
          },
        })
        return { stdout: ran.stdout, stderr: ran.stderr, status: ran.exitCode }
      },
    })
    return { stdout: result.stdout, stderr: result.stderr, exitCode: result.status }
  })
}
