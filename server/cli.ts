#!/usr/bin/env node
// `oomroom …`: one file per command, loaded when it is asked for.

import { setFlagsFromString } from 'node:v8'
import { Failure, UsageError } from './commands/errors.ts'
import { writeTo } from './commands/terminalText.ts'

// The machine's code is many small functions around memory accesses. V8 stops inlining them at 920 bytes of bytecode a
// function; with more, malloc takes up to a fifth less time. For all threads of the process.
setFlagsFromString('--max-inlined-bytecode-size-cumulative=4000')

const usage = `usage: oomroom COMMAND …

  serve  [--port 3000] [--host 0.0.0.0|127.0.0.1] [--data DIR] [--public-url URL] …   serve --help: all of them
  create URL [--password P] [--lobby] [MACHINE OPTIONS]
  join   URL/CODE --name NAME [--token T|--pair CODE] [-c CMDS]
  bots   URL/CODE [-n 30] [--style calm|greedy|leaky|forky,…] [--seconds 60] [--pace 3] [--seed N] [--stay]
  sh     [-c CMDS] [MACHINE OPTIONS] [--mount DIR] [--user root|NAME]
  replay FILE|URL/CODE [--at SEQ|mm:ss] [-c CMDS] [--verify]
  trace  malloc|mm|oom [FILE|-] [MACHINE OPTIONS]
  bench  [NAME…] [--json]

MACHINE OPTIONS  --ram 64M --seed N --hostname NAME --speed INSTR/S --bits 64 --page-size 4K
                 --swap 0 --kernel 6.12 --glibc 2.36 --overcommit 0 --swappiness 60
`

interface Command {
  /** The exit status, or nothing while the command lives on (serve). */
  run(args: string[]): Promise<number | void>
}

const commands: Record<string, () => Promise<Command>> = {
  serve: () => import('./commands/serve.ts'),
  create: () => import('./commands/create.ts'),
  join: () => import('./commands/join.ts'),
  bots: () => import('./commands/bots.ts'),
  sh: () => import('./commands/sh.ts'),
  replay: () => import('./commands/replay.ts'),
  trace: () => import('./commands/trace.ts'),
  bench: () => import('./commands/bench.ts'),
}

async function main(args: string[]): Promise<number | void> {
  const [name, ...rest] = args
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage)
    return 0
  }
  if (name === undefined) {
    process.stderr.write(usage)
    return 2
  }
  if (!Object.hasOwn(commands, name))
    throw new UsageError(`unknown command '${name}'; oomroom --help lists them`)
  // serve has more to say, and says it itself.
  if (name !== 'serve' && (rest.includes('--help') || rest.includes('-h'))) {
    process.stdout.write(usageOf(name))
    return 0
  }
  const command = await commands[name]()
  return command.run(rest)
}

/** The command's line, and MACHINE OPTIONS if it has them. */
function usageOf(name: string): string {
  const line = usage.split('\n').find((one) => one.startsWith(`  ${name} `)) ?? ''
  const options = usage.slice(usage.indexOf('\nMACHINE OPTIONS'))
  const text = `usage: oomroom ${line.trim()}\n`
  return line.includes('[MACHINE OPTIONS]') ? text + options : text
}

/** Ends the program when everything printed has been taken. */
function exit(status: number): void {
  process.exitCode = status
  process.stdout.write('', () => process.stderr.write('', () => process.exit(status)))
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
})

try {
  const status = await main(process.argv.slice(2))
  if (status !== undefined) exit(status)
} catch (error) {
  const usageError = error instanceof UsageError
  const text = error instanceof Error ? error.message : String(error)
  writeTo(process.stderr, `oomroom: ${text.split('\n')[0]}\n`)
  if (!usageError && !(error instanceof Failure) && process.env.OOMROOM_DEBUG) console.error(error)
  exit(usageError ? 2 : 1)
}
