// A shell at this terminal: one run of commands, or line by line.

import { createInterface } from 'node:readline/promises'
import { text as readAll } from 'node:stream/consumers'
import type { MachinePort } from '../../shared/shell/port.ts'
import { createShell, type Shell } from '../../shared/shell/shell.ts'
import { forTerminal, writeTo } from './terminalText.ts'

/** Lets the work happen: a machine of one's own has to be told that somebody waits. */
export type Drive = <T>(work: Promise<T>) => Promise<T>

const plain: Drive = (work) => work

/** Runs `commands` like `bash -c`; the status of the last one. */
export async function runCommands(
  port: MachinePort,
  commands: string,
  drive: Drive = plain,
): Promise<number> {
  const shell = await createShell(port, { script: true })
  const { status } = await drive(execute(shell, commands, undefined, () => readAll(process.stdin)))
  return status
}

/** Until the end of input or `exit`; the status of the last line. */
export async function runTerminal(port: MachinePort, drive: Drive = plain): Promise<number> {
  const shell = await createShell(port, { script: false, notes: !port.readOnly })
  const { stdin, stdout } = process
  const lines = createInterface({
    input: stdin,
    output: stdout,
    terminal: stdin.isTTY && stdout.isTTY,
  })
  // The directory's name is somebody's, too.
  const shown = (text: string) => (stdout.isTTY ? forTerminal(text) : text)
  let status = 0
  let running: AbortController | null = null
  lines.on('SIGINT', () => {
    if (running !== null) return running.abort()
    stdout.write('^C\n')
    lines.write(null, { ctrl: true, name: 'u' })
    lines.prompt()
  })
  lines.setPrompt(shown(shell.prompt()))
  lines.prompt()
  for await (const line of lines) {
    const leave = /^\s*(?:exit|logout)(?:\s+(\d{1,3}))?\s*$/.exec(line)
    if (leave !== null) {
      lines.close()
      return leave[1] === undefined ? status : Number(leave[1]) & 0xff
    }
    if (line.trim() !== '') {
      running = new AbortController()
      status = (await drive(execute(shell, line, running.signal))).status
      running = null
    }
    lines.setPrompt(shown(shell.prompt()))
    lines.prompt()
  }
  if (stdin.isTTY) stdout.write('\n')
  return status
}

async function execute(
  shell: Shell,
  commands: string,
  signal?: AbortSignal,
  stdin?: () => Promise<string>,
): Promise<{ status: number }> {
  return shell.exec(commands, {
    signal,
    stdin,
    stdout: (text) => writeTo(process.stdout, text),
    stderr: (text) => writeTo(process.stderr, text),
  })
}
