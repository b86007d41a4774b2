// The recorded files and outputs of the real programs, by name.

import { readFileSync } from 'node:fs'
import { oracle } from './oracle.ts'

const folder = oracle('proc')

/** Whether they are here: tests that compare with them are skipped otherwise. */
export const hasRecordings = folder !== null

/** What a command printed on the recorded machine, without the line that names it. */
export function form(name: string, machine = 'amd64-128M'): string {
  const text = readFileSync(`${folder}/forms/${machine}/${name}.txt`, 'utf8')
  return text.slice(text.indexOf('\n') + 1)
}

/** A section `$ command…` of a process's recording; the process is the one called `p`. */
export function layout(name: string, command: string, machine = 'amd64'): string {
  const path = `${folder}/layout/${machine}/${name}`
  if (command === '') return readFileSync(path, 'utf8')
  const sections = readFileSync(path, 'utf8').split(/^\$ /m)
  const wanted = new RegExp(`^${command.replace('PID', '\\d+')}\\n`)
  const found = sections.find((section) => wanted.test(section))
  if (found === undefined) throw new Error(`no section ${command} in ${name}`)
  return found.slice(found.indexOf('\n') + 1)
}

/** The words before the colon, or the first word. */
export function labels(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(/[:\s]/)[0])
}

/** What stays of a line when its numbers, and the blanks they are aligned with, are taken out. */
export function shapes(text: string): string[] {
  return text.split('\n').map((line) => line.replace(/ *\d+(\.\d+)?/g, '#'))
}
