// pmap (procps 4.0.2): a process's mappings, as its maps and smaps tell them.

import { hex } from '../../lib/bits.ts'
import { getopt, type OptionSpec } from '../getopt.ts'
import { detailKb, parseMaps, type Mapping } from '../procps/maps.ts'
import { procOf, type Proc } from '../procps/proc.ts'
import { Process } from '../procps/process.ts'
import { failed, machineOf, ok, type Call, type Result } from '../world.ts'

const USAGE = `
Usage:
 pmap [options] PID [PID ...]

Options:
 -x, --extended              show details
 -X                          show even more details
            WARNING: format changes according to /proc/PID/smaps
 -XX                         show everything the kernel provides
 -c, --read-rc               read the default rc
 -C, --read-rc-from=<file>   read the rc from file
 -n, --create-rc             create new default rc
 -N, --create-rc-to=<file>   create new rc to file
            NOTE: pid arguments are not allowed with -n, -N
 -d, --device                show the device format
 -q, --quiet                 do not display header and footer
 -p, --show-path             show path in the mapping
 -A, --range=<low>[,<high>]  limit results to the given range

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see pmap(1).
`

/** `-a` meant ASCII once and is taken without a word, as slides still show it. */
const OPTIONS: OptionSpec[] = [
  { name: 'x', long: 'extended' },
  { name: 'X' },
  { name: 'a' },
  { name: 'r' },
  { name: 'd', long: 'device' },
  { name: 'q', long: 'quiet' },
  { name: 'A', long: 'range', takes: 'value' },
  { name: 'h', long: 'help' },
  { name: 'V', long: 'version' },
  { name: 'p', long: 'show-path' },
]

export type PmapFormat = 'plain' | 'extended' | 'device' | 'more' | 'everything'

export interface PmapWish {
  format: PmapFormat
  quiet: boolean
  path: boolean
  low: number // addresses
  high: number
  bits: 64 | 32 // of the machine's words: how wide addresses are shown
}

const NOT_FOUND = 42

export function pmap({ args, world }: Call): Result {
  const { bits } = machineOf(world).layout
  const wish: PmapWish = {
    format: 'plain',
    quiet: false,
    path: false,
    low: 0,
    high: Infinity,
    bits,
  }
  if (args.length === 0) return failed(USAGE)
  const { found, operands } = getopt(args, OPTIONS)
  const formats = new Set<string>()
  let stderr = ''
  for (const option of found) {
    if ('problem' in option) return failed(`${stderr}pmap: ${option.problem}\n${USAGE}`)
    const { name, value } = option
    if (name === 'h') return ok(USAGE)
    if (name === 'V') return ok('pmap from procps-ng 4.0.2\n')
    if (name === 'r') stderr += 'pmap: option -r is ignored as SunOS compatibility\n'
    else if (name === 'A') {
      if (!setRange(wish, value!)) return failed(`pmap: failed to parse argument: '${value}'\n`)
    } else if (name === 'q') wish.quiet = true
    else if (name === 'p') wish.path = true
    else if (name === 'x' || name === 'd' || name === 'X') {
      if (name === 'X') wish.format = formats.has('X') ? 'everything' : 'more'
      else wish.format = name === 'x' ? 'extended' : 'device'
      formats.add(name)
    }
  }
  if (formats.size > 1) {
    return failed('pmap: options -c, -C, -d, -n, -N, -x, -X are mutually exclusive\n')
  }
  if (operands.length === 0) return failed(`${stderr}pmap: argument missing\n`)
  const pids = operands.map((operand) => /^(?:\/proc\/)?(\d+)$/.exec(operand)?.[1])
  if (pids.some((pid) => pid === undefined || Number(pid) < 1)) return failed(USAGE)
  const result = report(procOf(world), pids.map(Number), wish)
  return { ...result, stderr }
}

/** `LOW`, `LOW,` or `LOW,HIGH` in hexadecimal; one number alone means the mapping that holds it. */
function setRange(wish: PmapWish, text: string): boolean {
  const range = /^(?:0x)?([0-9a-f]*)(?:(,)(?:0x)?([0-9a-f]*))?$/i.exec(text)
  if (range === null) return false
  const [, low, comma, high = ''] = range
  if (low !== '') wish.low = parseInt(low, 16)
  if (comma === undefined && low !== '') wish.high = wish.low
  else if (high !== '') wish.high = parseInt(high, 16)
  return true
}

/** Of another user's process only the head line is shown. */
function report(proc: Proc, pids: number[], wish: PmapWish): Result {
  let stdout = ''
  let status = 0
  for (const pid of pids) {
    const process = Process.find(proc, pid)
    if (process === null) {
      status |= NOT_FOUND
      continue
    }
    stdout += `${pid}:   ${process.commandLine()}\n`
    const smaps = wish.format !== 'plain' && wish.format !== 'device'
    const text = proc.read(`${pid}/${smaps ? 'smaps' : 'maps'}`)
    if (text === null) status |= 1
    else stdout += pmapReport(text, process.stat.startstack, wish)
  }
  return { stdout, stderr: '', status }
}

/** What stands below the head line, given the process's maps, or its smaps for the formats with details. */
export function pmapReport(text: string, startStack: number, wish: PmapWish): string {
  const mappings = parseMaps(text).filter(
    ({ startAddress, size }) => startAddress + size - 1 >= wish.low && startAddress <= wish.high,
  )
  switch (wish.format) {
    case 'plain':
      return plain(mappings, startStack, wish)
    case 'extended':
      return extended(mappings, startStack, wish)
    case 'device':
      return device(mappings, startStack, wish)
    case 'more':
    case 'everything':
      return everything(mappings, wish)
  }
}

function plain(mappings: Mapping[], startStack: number, wish: PmapWish): string {
  let text = ''
  for (const mapping of mappings) {
    const kb = String(mapping.size / 1024).padStart(6)
    text += `${address(mapping, wish)} ${kb}K ${mode(mapping)} ${nameOf(mapping, startStack, wish)}\n`
  }
  const total = `${totalKb(mappings)}K`.padStart(wish.bits === 64 ? 17 : 9)
  return wish.quiet ? text : `${text} total ${total}\n`
}

function extended(mappings: Mapping[], startStack: number, wish: PmapWish): string {
  const width = wish.bits === 64 ? 16 : 8
  const cells = (numbers: number[]) => numbers.map((n) => String(n).padStart(7)).join(' ')
  const sums = [0, 0, 0]
  let text = wish.quiet ? '' : `${'Address'.padEnd(width)}  Kbytes     RSS   Dirty Mode  Mapping\n`
  for (const mapping of mappings) {
    const dirty = detailKb(mapping, 'Shared_Dirty') + detailKb(mapping, 'Private_Dirty')
    const kb = [mapping.size / 1024, detailKb(mapping, 'Rss'), dirty]
    kb.forEach((value, i) => (sums[i] += value))
    const name = nameOf(mapping, startStack, wish)
    text += `${address(mapping, wish)} ${cells(kb)} ${mode(mapping)} ${name}\n`
  }
  if (wish.quiet) return text
  text += '-'.repeat(width) + ' ------- ------- ------- \n'
  return text + `${'total kB'.padEnd(width)} ${cells(sums)}\n`
}

function device(mappings: Mapping[], startStack: number, wish: PmapWish): string {
  const width = wish.bits === 64 ? 16 : 8
  const kbOf = (some: Mapping[]) => totalKb(some)
  let text = wish.quiet
    ? ''
    : `${'Address'.padEnd(width)}  Kbytes Mode  Offset           Device    Mapping\n`
  for (const mapping of mappings) {
    const [major, minor] = mapping.dev.split(':')
    const kb = String(mapping.size / 1024).padStart(7)
    const where = `${mapping.offset.padStart(16, '0')} ${major.padStart(3, '0')}:${minor.padStart(5, '0')}`
    const name = nameOf(mapping, startStack, wish)
    text += `${address(mapping, wish)} ${kb} ${mode(mapping)} ${where} ${name}\n`
  }
  if (wish.quiet) return text
  const shared = kbOf(mappings.filter(({ perms }) => perms[3] === 's'))
  const writable = kbOf(mappings.filter(({ perms }) => perms[3] === 'p' && perms[1] === 'w'))
  return `${text}mapped: ${totalKb(mappings)}K    writeable/private: ${writable}K    shared: ${shared}K\n`
}

function totalKb(mappings: Mapping[]): number {
  return mappings.reduce((sum, { size }) => sum + size, 0) / 1024
}

function address({ startAddress }: Mapping, { bits }: PmapWish): string {
  return hex(startAddress, bits === 64 ? 16 : 8)
}

/** `rw---`, with `s` for shared. */
function mode({ perms }: Mapping): string {
  return perms.slice(0, 3) + (perms[3] === 's' ? 's' : '-') + '-'
}

/** A file's own name, or in brackets that there is none: what lies at the top of the stack, and the rest. */
function nameOf(
  { name, startAddress, size }: Mapping,
  startStack: number,
  { path }: PmapWish,
): string {
  if (name.includes('/')) return path ? name.slice(name.indexOf('/')) : baseName(name)
  const holdsStack = startStack >= startAddress && startStack <= startAddress + size
  return holdsStack ? '  [ stack ]' : '  [ anon ]'
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

/** Details that -X leaves out, for want of room. */
const UNIMPORTANT = new Set([
  'AnonHugePages',
  'KernelPageSize',
  'MMUPageSize',
  'Shared_Dirty',
  'Private_Dirty',
  'Shared_Clean',
  'Private_Clean',
])

/** -X and -XX: every detail of smaps a column, as wide as what stands in it; sums below. */
function everything(mappings: Mapping[], { format, quiet, path }: PmapWish): string {
  const all = format === 'everything'
  const wanted = (name: string) => all || !UNIMPORTANT.has(name)
  const details = (mapping: Mapping) => mapping.details.filter(([name]) => wanted(name))
  const names = mappings.length === 0 ? [] : details(mappings[0]).map(([name]) => name)
  const totals = names.map((_, i) =>
    mappings.reduce((sum, mapping) => sum + Number(details(mapping)[i][1]), 0),
  )
  const rows = mappings.map((mapping) => {
    const { start, perms, offset, dev, inode, vmFlags } = mapping
    const values = details(mapping).map(([, value]) => value)
    const flags = all ? [vmFlags] : []
    return { left: [start, perms, offset, dev, inode], values, flags }
  })
  const leftNames = ['Address', 'Perm', 'Offset', 'Device', 'Inode']
  const flagNames = all ? ['VmFlags'] : []
  const head = quiet ? null : { left: leftNames, values: names, flags: flagNames }
  const lines = head === null ? rows : [head, ...rows]
  const widthsOf = (part: 'left' | 'values' | 'flags', more: string[] = []) =>
    (lines[0]?.[part] ?? []).map((_, i) =>
      Math.max(...lines.map((line) => line[part][i].length), more[i]?.length ?? 0),
    )
  const leftWidths = widthsOf('left')
  const valueWidths = widthsOf('values', quiet ? [] : totals.map(String))
  const widths = [...leftWidths, ...valueWidths, ...widthsOf('flags')]
  const cells = ({ left, values, flags }: (typeof rows)[number]) =>
    [...left, ...values, ...flags].map((cell, i) => cell.padStart(widths[i])).join(' ')
  let text = head === null || rows.length === 0 ? '' : `${cells(head)} Mapping\n`
  rows.forEach((row, i) => {
    const { name } = mappings[i]
    text += `${cells(row)} ${path ? name : baseName(name)}\n`
  })
  if (quiet || rows.length === 0) return text
  const gap = ' '.repeat(leftWidths.reduce((sum, width) => sum + width + 1, 0))
  const rule = valueWidths.map((width) => '='.repeat(width) + ' ').join('')
  const sums = totals.map((total, i) => String(total).padStart(valueWidths[i]) + ' ').join('')
  return `${text}${gap}${rule}\n${gap}${sums}KB \n`
}
