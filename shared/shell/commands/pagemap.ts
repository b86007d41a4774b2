// pagemap PID ADDR [COUNT]: for each page the frame it is in, and with how many it is shared.

import { hex } from '../../lib/bits.ts'
import { mayAccess } from '../../proc/base.ts'
import { FRAME_NAMES } from '../../proc/frames.ts'
import { frameInfo } from '../../proc/frameInfo.ts'
import { pagemap, type PageRow } from '../../proc/pagemap.ts'
import type { Machine } from '../../state/machine.ts'
import { NO_PFN } from '../../state/page.ts'
import type { Task } from '../../state/task.ts'
import { table, type Column } from '../table.ts'
import { failed, machineOf, ok, seatOf, type Call, type Result } from '../world.ts'

const USAGE = 'usage: pagemap PID ADDR [COUNT]\n'
const COUNT_MAX = 4096

const COLUMNS: Column[] = [
  { header: 'ADDRESS', width: 14, right: false },
  { header: 'FRAME', width: 7, right: true },
  { header: 'KIND', width: 5, right: false },
  { header: 'MAPPED', width: 6, right: true },
  { header: 'FLAGS', width: 5, right: false },
  { header: 'SHARED WITH', width: 11, right: false },
]

export function pagemapCommand({ args, world }: Call): Result {
  const [pidText, addressText, countText = '1'] = args
  if (args.length < 2 || args.length > 3) return failed(USAGE, 2)
  const pid = /^\d+$/.test(pidText) ? Number(pidText) : NaN
  const va = /^(0[xX])?[0-9a-fA-F]{1,12}$/.test(addressText)
    ? parseInt(addressText.replace(/^0[xX]/, ''), 16)
    : NaN
  const count = /^\d+$/.test(countText) ? Number(countText) : NaN
  if (Number.isNaN(pid) || Number.isNaN(va) || Number.isNaN(count)) return failed(USAGE, 2)
  const m = machineOf(world)
  const task = m.tasks.get(pid)
  if (task === undefined) return failed(`pagemap: ${pid}: No such process\n`)
  if (!mayAccess(task, seatOf(world).uid)) return failed(`pagemap: ${pid}: Permission denied\n`)
  return ok(report(m, task, va, Math.min(count, COUNT_MAX)))
}

function report(m: Machine, task: Task, va: number, count: number): string {
  const first = va - (va % m.pageSize)
  const rows = pagemap(m, task, first, count).map((row, i) =>
    row === null
      ? [address(first + i * m.pageSize), '-', 'not mapped', '', '', '']
      : cells(m, task, row),
  )
  return table(COLUMNS, rows).replace(/ +$/gm, '')
}

function cells(m: Machine, task: Task, row: PageRow): string[] {
  if (row.swap !== null) return [address(row.va), '-', `in swap, slot ${row.swap.slot}`, '', '', '']
  if (row.pfn === NO_PFN) return [address(row.va), '-', 'not present', '', '', '']
  const flags = (row.writable ? 'W' : '-') + (row.dirty ? 'D' : '-') + (row.accessed ? 'A' : '-')
  const kind = FRAME_NAMES[row.kind]
  const mapped = row.mapcount === 0 ? '-' : String(row.mapcount)
  return [address(row.va), hex(row.pfn), kind, mapped, flags, others(m, task, row)]
}

/** The processes that share the frame. */
function others(m: Machine, task: Task, row: PageRow): string {
  if (row.mapcount < 2) return ''
  const pids = new Set(frameInfo(m, row.pfn).sharers.map(({ pid }) => pid))
  pids.delete(task.pid)
  return [...pids].join(' ')
}

function address(va: number): string {
  return '0x' + hex(va)
}
