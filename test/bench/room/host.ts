// The processes of the benchmark: a server on a core of its own, and what /proc says of it.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { cpus, loadavg, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'

const CLK_TCK = 100

/** Two cores and taskset: the server gets the first, its clients the second. */
export const canPin = cpus().length > 1 && hasTaskset()

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['-p', String(process.pid)])
    return true
  } catch {
    return false
  }
}

/** This process, with all its threads, to a core; null: to all. */
export function pinMe(core: number | null): void {
  if (!canPin) return
  const list = core === null ? `0-${cpus().length - 1}` : String(core)
  execFileSync('taskset', ['-a', '-p', '-c', list, String(process.pid)], { stdio: 'ignore' })
}

/** This thread alone stands back for the others of its core. Back to 0 is root's to go. */
export function standBack(nice: number): void {
  try {
    setPriority(0, nice)
  } catch {
    // Then all threads have the same share.
  }
}

export interface BenchServer {
  url: string
  port: number
  pid: number
  data: string
  stop(): Promise<void>
}

export async function startServer(data?: string): Promise<BenchServer> {
  const dir = data ?? (await mkdtemp(join(tmpdir(), 'oomroom-bench-')))
  // With node's own options for this process, --cpu-prof for instance.
  const node = [process.execPath, ...process.execArgv]
  const words = [...node, process.argv[1], 'serve', '--port', '0', '--host', '127.0.0.1']
  const command = [...(canPin ? ['taskset', '-c', '0'] : []), ...words, '--data', dir]
  const child = spawn(command[0], command.slice(1), {
    env: { ...process.env, LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Who ends the benchmark early ends its server, too.
  const end = () => void child.kill('SIGKILL')
  const leave = () => process.exit(1)
  process.once('exit', end)
  process.once('SIGINT', leave)
  process.once('SIGTERM', leave)
  const port = await listening(child)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid!, // taskset becomes what it starts
    data: dir,
    async stop() {
      process.off('exit', end)
      process.off('SIGINT', leave)
      process.off('SIGTERM', leave)
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    const read = (chunk: Buffer) => {
      text += chunk.toString()
      const port = /listening on http:\/\/[^\s:]+:(\d+)/.exec(text)?.[1]
      if (port !== undefined) resolve(Number(port))
    }
    child.stdout!.on('data', read)
    child.stderr!.on('data', read)
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)))
  })
}

export async function createRoom(
  server: BenchServer,
  options: object,
): Promise<{ code: string; teacherToken: string; header: { engine: string } }> {
  const response = await fetch(`${server.url}/api/rooms`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(options),
  })
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()) as {
    code: string
    teacherToken: string
    header: { engine: string }
  }
}

export interface Usage {
  cpuMs: number // of all threads
  waitedMs: number // that threads were ready and had no core
  atMs: number
}

export async function usageOf(pid: number): Promise<Usage> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  let waitedMs = 0
  for (const tid of await readdir(`/proc/${pid}/task`)) {
    const line = await readFile(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').catch(() => '0 0 0')
    waitedMs += Number(line.split(' ')[1]) / 1e6
  }
  const cpuMs = ((Number(fields[11]) + Number(fields[12])) * 1000) / CLK_TCK
  return { cpuMs, waitedMs, atMs: performance.now() }
}

/** Resident now, and at most so far, in MiB. */
export async function memoryOf(pid: number): Promise<{ rssMiB: number; peakMiB: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { rssMiB: Math.round(kib('VmRSS') / 1024), peakMiB: Math.round(kib('VmHWM') / 1024) }
}

export function loadNow(): number {
  return Math.round(loadavg()[0] * 10) / 10
}
