// vmstat (procps 4.0.2): what memory, swap, disk and processor do, now or again and again.

import { getopt, type OptionSpec } from '../getopt.ts'
import { parseMeminfo, type Meminfo } from '../procps/meminfo.ts'
import { procOf, type Proc } from '../procps/proc.ts'
import { cpuDelta, parseStat, parseVmstat, type CpuTicks, type SystemStat } from '../procps/stat.ts'
import { civil } from '../../lib/clock.ts'
import { TICK_MS } from '../../state/machine.ts'
import { repeat } from '../repeat.ts'
import { failed, machineOf, ok, type Call, type Result } from '../world.ts'

const HERTZ = 100

const USAGE = `
Usage:
 vmstat [options] [delay [count]]

Options:
 -a, --active           active/inactive memory
 -f, --forks            number of forks since boot
 -m, --slabs            slabinfo
 -n, --one-header       do not redisplay header
 -s, --stats            event counter statistics
 -d, --disk             disk statistics
 -D, --disk-sum         summarize disk statistics
 -p, --partition <dev>  partition specific statistics
 -S, --unit <char>      define display unit
 -w, --wide             wide output
 -t, --timestamp        show timestamp
 -y, --no-first         skips first line of output

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see vmstat(8).
`

const OPTIONS: OptionSpec[] = [
  { name: 'a', long: 'active' },
  { name: 'f', long: 'forks' },
  { name: 'm', long: 'slabs' },
  { name: 'n', long: 'one-header' },
  { name: 's', long: 'stats' },
  { name: 'd', long: 'disk' },
  { name: 'D', long: 'disk-sum' },
  { name: 'p', long: 'partition', takes: 'value' },
  { name: 'S', long: 'unit', takes: 'value' },
  { name: 'w', long: 'wide' },
  { name: 't', long: 'timestamp' },
  { name: 'h', long: 'help' },
  { name: 'V', long: 'version' },
  { name: 'y', long: 'no-first' },
]

const UNITS: Record<string, number> = { b: 1, B: 1, k: 1000, K: 1024, m: 1_000_000, M: 1 << 20 }

export interface VmstatWish {
  unit: number // bytes
  letter: string
  active: boolean
  wide: boolean
}

/** What one look finds. */
export interface VmstatLook {
  meminfo: Meminfo
  stat: SystemStat
  vmstat: Map<string, number>
}

export async function vmstat(call: Call): Promise<Result> {
  const wish: VmstatWish = { unit: 1024, letter: 'K', active: false, wide: false }
  let [summary, slabs, oneHeader, timestamp, noFirst] = [false, false, false, false, false]
  const proc = procOf(call.world)
  const { found, operands } = getopt(call.args, OPTIONS)
  for (const option of found) {
    if ('problem' in option) return failed(`vmstat: ${option.problem}\n${USAGE}`)
    const { name, value } = option
    if (name === 'h') return ok(USAGE)
    if (name === 'V') return ok('vmstat from procps-ng 4.0.2\n')
    if (name === 'f') return ok(number(lookAt(proc).stat.forks, 'forks'))
    if (name === 'S') {
      if (!Object.hasOwn(UNITS, value![0]))
        return failed('vmstat: -S requires k, K, m or M (default is KiB)\n')
      wish.unit = UNITS[value![0]]
      wish.letter = value![0]
    } else if (name === 'a') wish.active = true
    else if (name === 'w') wish.wide = true
    else if (name === 's') summary = true
    else if (name === 'm') slabs = true
    else if (name === 'n') oneHeader = true
    else if (name === 't') timestamp = true
    else if (name === 'y') noFirst = true
    else return failed(`vmstat: this machine has no disk statistics\n`)
  }
  const [delayText, countText, ...more] = operands
  const numbers = [delayText, countText].map((text) => (text === undefined ? null : whole(text)))
  for (const [i, value] of numbers.entries()) {
    if (Number.isNaN(value)) return failed(`vmstat: failed to parse argument: '${operands[i]}'\n`)
  }
  const [delay, count] = numbers
  if (delay !== null && delay < 1) return failed('vmstat: delay must be positive integer\n')
  if (more.length > 0) return failed(USAGE)
  if (summary && slabs) return failed(USAGE)
  if (slabs) return slabReport(proc)
  if (summary) return ok(vmstatSummary(lookAt(proc), wish))

  const stamp = () => (timestamp ? ` ${timestampOf(call)}` : '')
  const header = vmstatHeader(wish).split('\n')
  if (timestamp) {
    header[0] += ' -----timestamp-----'
    header[1] += ` ${'UTC'.padStart(19)}`
  }
  const head = header.join('\n')
  let before = lookAt(proc)
  const kbPerPage = machineOf(call.world).pageSize / 1024
  const since = noFirst ? '' : `${vmstatSinceBoot(before, wish, kbPerPage)}${stamp()}\n`
  const first = head + since
  const looks = (delay === null ? 1 : (count ?? Infinity)) - (noFirst ? 0 : 1)
  if (!(looks > 0)) return ok(first)
  if (call.tty) call.world.stdout(first)
  const result = await repeat(call, delay ?? 1, delay ?? 1, looks, (index) => {
    const now = lookAt(proc)
    const line = vmstatLine(now, before, wish, delay ?? 1, kbPerPage)
    before = now
    const again = !oneHeader && (index + 1) % ROWS === 0 ? head : ''
    return `${again}${line}${stamp()}\n`
  })
  return { ...result, stdout: (call.tty ? '' : first) + result.stdout }
}

/** Lines between two headers on a terminal of 24. */
const ROWS = 21

function whole(text: string): number {
  return /^\s*[+-]?\d+$/.test(text) ? Number(text) : NaN
}

function lookAt(proc: Proc): VmstatLook {
  return {
    meminfo: parseMeminfo(proc.read('meminfo')!),
    stat: parseStat(proc.read('stat')!),
    vmstat: parseVmstat(proc.read('vmstat')!),
  }
}

function timestampOf(call: Call): string {
  const m = machineOf(call.world)
  const { year, monthNumber, day, time } = civil(m.bootTime + m.ticks * TICK_MS)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${year}-${two(monthNumber)}-${two(day)} ${time}`
}

const WIDTHS = [2, 2, 6, 6, 6, 6, 4, 4, 5, 5, 4, 4, 2, 2, 2, 2, 2]
const WIDE_WIDTHS = [4, 4, 12, 12, 12, 12, 4, 4, 5, 5, 4, 4, 3, 3, 3, 3, 3, 3]

function line(cells: (string | number)[], wide: boolean): string {
  const widths = wide ? WIDE_WIDTHS : WIDTHS
  return widths.map((width, i) => String(cells[i]).padStart(width)).join(' ')
}

export function vmstatHeader({ active, wide }: VmstatWish): string {
  const groups = wide
    ? '--procs-- -----------------------memory---------------------- ---swap-- -----io---- -system-- ----------cpu----------'
    : 'procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----'
  const memory = active ? ['swpd', 'free', 'inact', 'active'] : ['swpd', 'free', 'buff', 'cache']
  const rates = ['si', 'so', 'bi', 'bo', 'in', 'cs']
  const names = ['r', 'b', ...memory, ...rates, 'us', 'sy', 'id', 'wa', 'st', 'gu']
  return `${groups}\n${line(names, wide)}\n`
}

/** The first line: averages since boot. */
export function vmstatSinceBoot(look: VmstatLook, wish: VmstatWish, kbPerPage: number): string {
  const { stat, vmstat } = look
  const total = Math.max(cpuTotal(stat.cpu), 1)
  const half = Math.floor(total / 2)
  const rate = (count: number) => Math.floor((count * HERTZ + half) / total)
  const paged = (name: string) => unitsOf((vmstat.get(name) ?? 0) * kbPerPage, wish)
  return vmstatCells(look, wish, stat.cpu, [
    rate(paged('pswpin')),
    rate(paged('pswpout')),
    rate(vmstat.get('pgpgin') ?? 0),
    rate(vmstat.get('pgpgout') ?? 0),
    rate(stat.interrupts),
    rate(stat.switches),
  ])
}

/** A later line: what happened in the `seconds` since the look before. */
export function vmstatLine(
  look: VmstatLook,
  before: VmstatLook,
  wish: VmstatWish,
  seconds: number,
  kbPerPage: number,
): string {
  const half = Math.floor(seconds / 2)
  const rate = (count: number) => Math.floor((count + half) / seconds)
  const added = (name: string) => (look.vmstat.get(name) ?? 0) - (before.vmstat.get(name) ?? 0)
  return vmstatCells(look, wish, cpuDelta(look.stat.cpu, before.stat.cpu), [
    rate(unitsOf(added('pswpin') * kbPerPage, wish)),
    rate(unitsOf(added('pswpout') * kbPerPage, wish)),
    rate(added('pgpgin')),
    rate(added('pgpgout')),
    rate(look.stat.interrupts - before.stat.interrupts),
    rate(look.stat.switches - before.stat.switches),
  ])
}

function vmstatCells(
  { meminfo, stat }: VmstatLook,
  wish: VmstatWish,
  cpu: CpuTicks,
  rates: number[],
): string {
  const { active, inactive, buffers, cached, free, swapTotal, swapFree } = meminfo
  const memory = [
    swapTotal - swapFree,
    free,
    wish.active ? inactive : buffers,
    wish.active ? active : cached,
  ]
  const guest = cpu.guest + cpu.guestNice
  const use = cpu.user + cpu.nice
  const system = cpu.system + cpu.irq + cpu.softirq
  const sum = cpuTotal(cpu)
  const total = Math.max(sum, 1)
  const percent = (ticks: number) => Math.floor((100 * ticks + Math.floor(total / 2)) / total)
  const idle = sum === 0 ? 1 : cpu.idle
  const shares = [Math.max(use - guest, 0), system, idle, cpu.iowait, cpu.steal, guest]
  return line(
    [
      stat.running,
      stat.blocked,
      ...memory.map((kb) => unitsOf(kb, wish)),
      ...rates,
      ...shares.map(percent),
    ],
    wish.wide,
  )
}

function cpuTotal({ user, nice, system, irq, softirq, idle, iowait, steal }: CpuTicks): number {
  return user + nice + system + irq + softirq + idle + iowait + steal
}

/** KiB in the unit wished for; procps counts in single precision. */
function unitsOf(kb: number, { unit }: VmstatWish): number {
  return Math.trunc(Math.fround(Math.fround(Math.fround(kb) / unit) * 1024))
}

function number(value: number, what: string): string {
  return `${String(value).padStart(13)} ${what}\n`
}

/** vmstat -s */
export function vmstatSummary({ meminfo, stat, vmstat }: VmstatLook, wish: VmstatWish): string {
  const { cpu } = stat
  const memory = (kb: number, what: string) => number(unitsOf(kb, wish), `${wish.letter} ${what}`)
  const count = (name: string) => vmstat.get(name) ?? 0
  return (
    memory(meminfo.total, 'total memory') +
    memory(meminfo.used, 'used memory') +
    memory(meminfo.active, 'active memory') +
    memory(meminfo.inactive, 'inactive memory') +
    memory(meminfo.free, 'free memory') +
    memory(meminfo.buffers, 'buffer memory') +
    memory(meminfo.cached, 'swap cache') +
    memory(meminfo.swapTotal, 'total swap') +
    memory(meminfo.swapTotal - meminfo.swapFree, 'used swap') +
    memory(meminfo.swapFree, 'free swap') +
    number(cpu.user, 'non-nice user cpu ticks') +
    number(cpu.nice, 'nice user cpu ticks') +
    number(cpu.system, 'system cpu ticks') +
    number(cpu.idle, 'idle cpu ticks') +
    number(cpu.iowait, 'IO-wait cpu ticks') +
    number(cpu.irq, 'IRQ cpu ticks') +
    number(cpu.softirq, 'softirq cpu ticks') +
    number(cpu.steal, 'stolen cpu ticks') +
    number(cpu.guest, 'non-nice guest cpu ticks') +
    number(cpu.guestNice, 'nice guest cpu ticks') +
    number(count('pgpgin'), 'K paged in') +
    number(count('pgpgout'), 'K paged out') +
    number(count('pswpin'), 'pages swapped in') +
    number(count('pswpout'), 'pages swapped out') +
    number(stat.interrupts, 'interrupts') +
    number(stat.switches, 'CPU context switches') +
    number(stat.bootTime, 'boot time') +
    number(stat.forks, 'forks')
  )
}

/** vmstat -m: /proc/slabinfo, which is root's. */
function slabReport(proc: Proc): Result {
  const text = proc.read('slabinfo')
  if (text === null)
    return failed('vmstat: Unable to create slabinfo structure: Permission denied\n')
  const row = (name: string, cells: (string | number)[]) =>
    `${name.padEnd(24)} ${cells.map((cell) => String(cell).padStart(6)).join(' ')}\n`
  let report = row('Cache', ['Num', 'Total', 'Size', 'Pages'])
  for (const slab of text.trimEnd().split('\n').slice(2).sort(byName)) {
    const [name, active, total, size, perSlab] = slab.split(/\s+/)
    report += row(name, [active, total, size, perSlab])
  }
  return ok(report)
}

function byName(a: string, b: string): number {
  return a < b ? -1 : 1
}
