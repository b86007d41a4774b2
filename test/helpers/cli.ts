// `oomroom …` as a user runs it: arguments and input in, output and status out.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { oomroomCommand } from './server.ts'

const top = fileURLToPath(new URL('../..', import.meta.url))

export interface CliResult {
  status: number | null
  stdout: string
  stderr: string
}

export function oomroom(
  args: string[],
  options: { input?: string; timeoutMs?: number } = {},
): Promise<CliResult> {
  const [node, ...command] = oomroomCommand()
  const child = spawn(node, [...command, ...args], {
    cwd: top,
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
  })
  const result: CliResult = { status: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (result.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (result.stderr += chunk.toString()))
  child.stdin.end(options.input ?? '')
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve({ ...result, status }))
  })
}
