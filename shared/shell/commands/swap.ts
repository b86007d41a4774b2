// swapon and swapoff (util-linux 2.38.1): swap devices of the machine, and which are in use.

import { ENOENT, strerror } from '../../lib/errno.ts'
import { namei, permission, MAY_READ, MAY_WRITE } from '../../fs/tree.ts'
import { S_IFBLK, S_IFMT } from '../../state/inode.ts'
import { getopt, type OptionSpec } from '../getopt.ts'
import { procOf } from '../procps/proc.ts'
import { failed, machineOf, ok, RECORDING, seatOf, type Call, type Result } from '../world.ts'

const ON_USAGE = `
Usage:
 swapon [options] [<spec>]

Enable devices and files for paging and swapping.

Options:
 -a, --all                enable all swaps from /etc/fstab
 -d, --discard[=<policy>] enable swap discards, if supported by device
 -e, --ifexists           silently skip devices that do not exist
 -f, --fixpgsz            reinitialize the swap space if necessary
 -o, --options <list>     comma-separated list of swap options
 -p, --priority <prio>    specify the priority of the swap device
 -s, --summary            display summary about used swap devices (DEPRECATED)
     --show[=<columns>]   display summary in definable table
     --noheadings         don't print table heading (with --show)
     --raw                use the raw output format (with --show)
     --bytes              display swap size in bytes in --show output
 -v, --verbose            verbose mode

 -h, --help               display this help
 -V, --version            display version

The <spec> parameter:
 -L <label>             synonym for LABEL=<label>
 -U <uuid>              synonym for UUID=<uuid>
 LABEL=<label>          specifies device by swap area label
 UUID=<uuid>            specifies device by swap area UUID
 PARTLABEL=<label>      specifies device by partition label
 PARTUUID=<uuid>        specifies device by partition UUID
 <device>               name of device to be used
 <file>                 name of file to be used

Available discard policy types (for --discard):
 once    : only single-time area discards are issued
 pages   : freed pages are discarded before they are reused
If no policy is selected, both discard types are enabled (default).

Available output columns:
 NAME   device file or partition path
 TYPE   type of the device
 SIZE   size of the swap area
 USED   bytes in use
 PRIO   swap priority
 UUID   swap uuid
 LABEL  swap label

For more details see swapon(8).
`

const OFF_USAGE = `
Usage:
 swapoff [options] [<spec>]

Disable devices and files for paging and swapping.

Options:
 -a, --all              disable all swaps from /proc/swaps
 -v, --verbose          verbose mode

 -h, --help             display this help
 -V, --version          display version

The <spec> parameter:
 -L <label>             LABEL of device to be used
 -U <uuid>              UUID of device to be used
 LABEL=<label>          LABEL of device to be used
 UUID=<uuid>            UUID of device to be used
 <device>               name of device to be used
 <file>                 name of file to be used

For more details see swapoff(8).
`

const ON_OPTIONS: OptionSpec[] = [
  { name: 'a', long: 'all' },
  { name: 'd', long: 'discard', takes: 'optional' },
  { name: 'e', long: 'ifexists' },
  { name: 'f', long: 'fixpgsz' },
  { name: 'o', long: 'options', takes: 'value' },
  { name: 'p', long: 'priority', takes: 'value' },
  { name: 's', long: 'summary' },
  { name: 'show', long: 'show', takes: 'optional' },
  { name: 'noheadings', long: 'noheadings' },
  { name: 'raw', long: 'raw' },
  { name: 'bytes', long: 'bytes' },
  { name: 'v', long: 'verbose' },
  { name: 'h', long: 'help' },
  { name: 'V', long: 'version' },
]

const OFF_OPTIONS: OptionSpec[] = [
  { name: 'a', long: 'all' },
  { name: 'v', long: 'verbose' },
  { name: 'h', long: 'help' },
  { name: 'V', long: 'version' },
]

export async function swapon(call: Call): Promise<Result> {
  const { found, operands } = getopt(call.args, ON_OPTIONS)
  const table: ShowWish = { columns: DEFAULT_COLUMNS, headings: true, raw: false, bytes: false }
  let [show, summary, all, verbose] = [call.args.length === 0, false, false, false]
  for (const option of found) {
    if ('problem' in option) return wrongUsage('swapon', option.problem)
    const { name, value } = option
    if (name === 'h') return ok(ON_USAGE)
    if (name === 'V') return ok('swapon from util-linux 2.38.1\n')
    if (name === 's') summary = true
    else if (name === 'show') {
      show = true
      const columns = (value ?? DEFAULT_COLUMNS.join(',')).toUpperCase().split(',')
      const unknown = columns.find((column) => !Object.hasOwn(SHOW_COLUMNS, column))
      if (unknown !== undefined) return failed(`swapon: unknown column: ${unknown}\n`)
      table.columns = columns
    } else if (name === 'noheadings') table.headings = false
    else if (name === 'raw') table.raw = true
    else if (name === 'bytes') table.bytes = true
    else if (name === 'a') all = true
    else if (name === 'v') verbose = true
    else if (name === 'p' && !/^-?\d+$/.test(value!))
      return failed(`swapon: failed to parse priority: '${value}'\n`)
  }
  const swaps = procOf(call.world).read('swaps')!
  if (summary) return ok(swaps.split('\n').length > 2 ? swaps : '')
  if (show) return ok(swapTable(parseSwaps(swaps), table))
  if (operands.length === 0) return all ? ok('') : wrongUsage('swapon', 'bad usage')
  const results: Result[] = []
  for (const path of operands) results.push(await swaponOne(call, path, verbose))
  return joined(results)
}

export async function swapoff(call: Call): Promise<Result> {
  const { found, operands } = getopt(call.args, OFF_OPTIONS)
  let [all, verbose] = [false, false]
  for (const option of found) {
    if ('problem' in option) return wrongUsage('swapoff', option.problem)
    if (option.name === 'h') return ok(OFF_USAGE)
    if (option.name === 'V') return ok('swapoff from util-linux 2.38.1\n')
    if (option.name === 'a') all = true
    if (option.name === 'v') verbose = true
  }
  if (!all && operands.length === 0) return wrongUsage('swapoff', 'bad usage')
  const used = parseSwaps(procOf(call.world).read('swaps')!).map(({ name }) => name)
  const results: Result[] = []
  for (const path of operands) results.push(await swapoffOne(call, path, verbose))
  if (all) for (const path of used) results.push(await swapoffOne(call, path, verbose))
  return joined(results)
}

function wrongUsage(name: string, problem: string): Result {
  return failed(`${name}: ${problem}\nTry '${name} --help' for more information.\n`)
}

function joined(results: Result[]): Result {
  return {
    stdout: results.map(({ stdout }) => stdout).join(''),
    stderr: results.map(({ stderr }) => stderr).join(''),
    status: results.reduce((worst, { status }) => worst | status, 0),
  }
}

/** It looks at the device before it asks the kernel. */
async function swaponOne(call: Call, path: string, verbose: boolean): Promise<Result> {
  const m = machineOf(call.world)
  const { uid } = seatOf(call.world)
  const full = call.world.fs.resolvePath(call.cwd, path)
  const inode = namei(m, full)
  const refused = (why: string) => failed(`swapon: ${path}: ${why}\n`, 255)
  if (inode === null) return failed(`swapon: cannot open ${path}: ${strerror(ENOENT)}\n`, 255)
  if (!permission(inode, { uid, gid: uid }, MAY_READ | MAY_WRITE))
    return failed(`swapon: cannot open ${path}: Permission denied\n`, 255)
  if ((inode.mode & S_IFMT) !== S_IFBLK) {
    const mode = (inode.mode & 0o7777).toString(8).padStart(4, '0')
    const insecure = `swapon: ${path}: insecure permissions ${mode}, 0600 suggested.\n`
    const warning = (inode.mode & 0o077) !== 0 ? insecure : ''
    return failed(`${warning}swapon: ${path}: read swap header failed\n`, 255)
  }
  if (call.world.port.readOnly) return refused(RECORDING)
  const { errno = 0 } = await call.world.port.submit({ t: 'swapon', path: full })
  let said = ''
  if (verbose) {
    const { pageSize, options } = m
    said =
      `swapon: ${path}: found signature [pagesize=${pageSize}, signature=swap]\n` +
      `swapon: ${path}: pagesize=${pageSize}, swapsize=${options.swap}, devsize=${options.swap}\n` +
      `swapon ${path}\n`
  }
  if (errno === 0) return ok(said)
  const failure = refused(`swapon failed: ${strerror(Math.abs(errno))}`)
  return { ...failure, stdout: said }
}

const SOME_FAILED = 8

async function swapoffOne(call: Call, path: string, verbose: boolean): Promise<Result> {
  const full = call.world.fs.resolvePath(call.cwd, path)
  const said = verbose ? `swapoff ${path}\n` : ''
  if (call.world.port.readOnly) return failed(`swapoff: ${path}: ${RECORDING}\n`)
  if (namei(machineOf(call.world), full) === null)
    return {
      ...failed(`swapoff: ${path}: swapoff failed: ${strerror(ENOENT)}\n`, SOME_FAILED),
      stdout: said,
    }
  const { errno = 0 } = await call.world.port.submit({ t: 'swapoff', path: full })
  if (errno === 0) return ok(said)
  const why = `swapoff: ${path}: swapoff failed: ${strerror(Math.abs(errno))}\n`
  return { ...failed(why, SOME_FAILED), stdout: said }
}

export interface SwapLine {
  name: string
  type: string
  sizeKb: number
  usedKb: number
  priority: string
}

export function parseSwaps(text: string): SwapLine[] {
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => {
      const [name, type, size, used, priority] = line.split(/\s+/)
      return { name, type, sizeKb: Number(size), usedKb: Number(used), priority }
    })
}

export interface ShowWish {
  columns: string[]
  headings: boolean
  raw: boolean
  bytes: boolean
}

export const DEFAULT_COLUMNS = ['NAME', 'TYPE', 'SIZE', 'USED', 'PRIO']

/** What stands in a column, and whether numbers are set to the right. */
const SHOW_COLUMNS: Record<
  string,
  [cell: (swap: SwapLine, bytes: boolean) => string, right: boolean]
> = {
  NAME: [({ name }) => name, false],
  TYPE: [({ type }) => type, false],
  SIZE: [({ sizeKb }, bytes) => sizeText(sizeKb, bytes), true],
  USED: [({ usedKb }, bytes) => sizeText(usedKb, bytes), true],
  PRIO: [({ priority }) => priority, true],
  UUID: [() => '', false],
  LABEL: [() => '', false],
}

/** swapon --show: columns as wide as what stands in them. Nothing when there is no swap. */
export function swapTable(swaps: SwapLine[], { columns, headings, raw, bytes }: ShowWish): string {
  if (swaps.length === 0) return ''
  const rows = swaps.map((swap) => columns.map((column) => SHOW_COLUMNS[column][0](swap, bytes)))
  const lines = headings ? [columns, ...rows] : rows
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => cells[i].length)))
  return lines
    .map((cells) => {
      const shown = cells.map((cell, i) => {
        if (raw) return cell
        return SHOW_COLUMNS[columns[i]][1] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])
      })
      return `${shown.join(' ').trimEnd()}\n`
    })
    .join('')
}

/** `64M`, `38.7M`: rounded to tenths, which are left out when there are none (size_to_human_string). */
function sizeText(kb: number, bytes: boolean): string {
  const value = kb * 1024
  if (bytes) return String(value)
  let power = 0
  while (power < 5 && value >= 2 ** (10 * (power + 1))) power++
  const unit = 2 ** (10 * power)
  const whole = Math.floor(value / unit)
  const thousandths = Math.floor(((value % unit) * 1000) / unit)
  const tenths = whole * 10 + Math.floor((thousandths + 50) / 100)
  const text = tenths % 10 === 0 ? String(tenths / 10) : (tenths / 10).toFixed(1)
  return text + 'BKMGTP'[power]
}
