// What of Linux and glibc is modelled, as the files of shared/ say it of themselves: the first sentence of a file's
// head, the sources that it names, and what it leaves out. The README's list is made of this.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export const BEGIN = '<!-- modelled: made by `npm run readme` -->'
export const END = '<!-- /modelled -->'

/** One line for each file that names a source of Linux or glibc, in the order of the house. */
export function modelledList(): string {
  const folders = JSON.parse(readFileSync(join(root, 'shared/house.json'), 'utf8')) as string[]
  return folders
    .flatMap((folder) => filesBelow(join(root, 'shared', folder)).flatMap(describe))
    .join('\n')
}

/** The text with its list replaced by today's. */
export function withList(readme: string): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`README.md lacks ${BEGIN} … ${END}`)
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${modelledList()}\n\n${readme.slice(end)}`
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => (a < b ? -1 : 1))
}

function describe(file: string): string[] {
  const head = headOf(readFileSync(file, 'utf8'))
  const sources = /\b(?:mm|fs|kernel|arch|malloc|include)\/[\w*/.-]+\.[ch]\b/.test(head)
  if (!sources && !head.includes('glibc')) return []
  const [first] = /^.*?\.(?= |$)/.exec(head) ?? [head]
  const named = [
    ...new Set(head.match(/\b(?:mm|fs|kernel|arch|malloc|include)\/[\w*/.-]+\.[ch]\b/g) ?? []),
  ]
  const version = /Modelled on ([\d.]+)/.exec(head)
  const leftOut = /Left out: ([^.]*(?:\.[^ ][^.]*)*)\./.exec(head)
  const about = [
    ...(named.length > 0 && !named.every((name) => first.includes(name)) ? [named.join(', ')] : []),
    ...(version === null ? [] : [version[1]]),
  ].join('; ')
  const where = relative(root, file)
  const text = `- \`${where}\` ${first}${about === '' ? '' : ` (${about})`}`
  return [leftOut === null ? text : `${text} Left out: ${leftOut[1]}.`]
}

/** The comment at a file's start, drawings left out, as one line. */
function headOf(source: string): string {
  const lines = source.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('//'))
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .filter((line) => !/^ {2}/.test(line))
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim()
}
