// A classroom server of one's own: `oomroom serve` on a free port, data in a
// temporary directory, ended by its process id.

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topDirectory } from './top.ts'

const top = topDirectory()

export interface ServerOptions {
  data?: string // directory of the logs; a fresh one unless told
  port?: number // a free one unless told
  args?: string[] // further arguments of `serve`
  npmStart?: boolean // by the README's command, which builds
}

export interface TestServer {
  url: string // http://127.0.0.1:PORT
  port: number
  data: string
  pid: number
  output(): string // what it has printed so far
  stop(): Promise<number | null> // SIGTERM; its exit status
  kill(): Promise<void> // SIGKILL; the data stays
  remove(): Promise<void> // SIGTERM, and the data goes
}

/** The command line that runs `oomroom`, as built. */
export function oomroomCommand(): string[] {
  const cli = join(top, 'dist', 'cli.js')
  if (!existsSync(cli)) throw new Error('dist/cli.js is missing: npm run build')
  return [process.execPath, cli]
}

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'oomroom-')))
  const serve = options.npmStart ? ['npm', 'start', '--'] : [...oomroomCommand(), 'serve']
  const args = ['--port', String(options.port ?? 0), '--host', '127.0.0.1', '--data', data]
  const [command, ...words] = [...serve, ...args, ...(options.args ?? [])]
  // Not vitest's NODE_ENV: `npm start` would build what no user gets.
  const { NODE_ENV: _, ...env } = process.env
  const child = spawn(command, words, { cwd: top, env })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))

  let output = ''
  const url = await listening(child, (text) => (output += text))
  // npm starts a shell that starts the server: what the server logs names its own process.
  const pid = Number(/"pid":(\d+)/.exec(output)?.[1] ?? child.pid)
  const end = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) process.kill(pid, signal)
    return exited
  }
  return {
    url,
    port: Number(new URL(url).port),
    data,
    pid,
    output: () => output,
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    remove: async () => {
      await end('SIGTERM')
      await rm(data, { recursive: true, force: true })
    },
  }
}

/** Waits for `listening on http://…`. A server that ends or stays silent is an error with its output. */
function listening(child: ChildProcess, keep: (text: string) => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    const silent = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the server does not listen:\n${output}`))
    }, 50_000)
    const read = (chunk: Buffer) => {
      output = keep(chunk.toString())
      const port = /listening on http:\/\/[^\s:]+:(\d+)/.exec(output)?.[1]
      if (port === undefined) return
      clearTimeout(silent)
      resolve(`http://127.0.0.1:${port}`)
    }
    child.stdout!.on('data', read)
    child.stderr!.on('data', read)
    child.once('exit', (code) => {
      clearTimeout(silent)
      reject(new Error(`the server ended with ${code}:\n${output}`))
    })
  })
}
