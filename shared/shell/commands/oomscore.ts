// oomscore: who stands where with the OOM killers of three kernels. Ours; no Linux has it.

import { oomRank, type OomRank, type OomRow, type OomStanding } from '../../proc/oomRank.ts'
import { ORIGIN_POINTS, type OomStep } from '../../mm/oomScore.ts'
import { KERNEL_ERAS, type KernelEra } from '../../state/machine.ts'
import { table, type Column } from '../table.ts'
import { escapeStr } from '../text.ts'
import { failed, machineOf, ok, userName, type Call, type Result } from '../world.ts'

const USAGE = `
Usage:
 oomscore [-p PID]

Every process's score under the OOM killers of 2.6.32, 2.6.38 and 6.12; in pages what they look at.

Options:
 -p, --pid PID   the arithmetic for one process, step by step

 -h, --help      display this help and exit

Which of them is at work stands in /proc/sys/kernel/oom_era; root may write it.
`

export function oomscore({ args, world }: Call): Result {
  const m = machineOf(world)
  const rank = oomRank(m)
  const name = ({ uid }: OomRow) => userName(m, uid)
  const [option, text, ...more] = args
  if (option === undefined) return ok(overview(rank, name))
  if (option === '-h' || option === '--help') return ok(USAGE)
  if (option !== '-p' && option !== '--pid') {
    const what = option.startsWith('--')
      ? `unrecognized option '${option}'`
      : option.startsWith('-')
        ? `invalid option -- '${option[1] ?? ''}'`
        : `extra operand '${option}'`
    return failed(`oomscore: ${what}\n${USAGE}`)
  }
  if (text === undefined) return failed(`oomscore: option '${option}' needs a PID\n${USAGE}`)
  if (more.length > 0) return failed(`oomscore: extra operand '${more[0]}'\n${USAGE}`)
  if (!/^[1-9]\d{0,8}$/.test(text)) return failed(`oomscore: invalid process id: '${text}'\n`)
  const row = rank.rows.find(({ pid }) => pid === Number(text))
  if (row === undefined) return failed(`oomscore: ${text}: No such process\n`)
  return ok(details(rank, row, name(row)))
}

// --- all processes ---------------------------------------------------------------------------------------------------

const MARKS: Record<OomStanding['fate'], string> = {
  exempt: '-',
  safe: ' ',
  spared: '>',
  next: '*',
}

function overview(rank: OomRank, name: (row: OomRow) => string): string {
  const right = (header: string, width: number): Column => ({ header, width, right: true })
  const left = (header: string, width: number): Column => ({ header, width, right: false })
  const columns = [
    right('PID', 5),
    left('USER', 8),
    right('RSS', 7),
    right('SWAP', 6),
    right('TABLES', 6),
    right('TOTAL_VM', 8),
    right('ADJ', 3),
    right('SCORE_ADJ', 9),
    ...KERNEL_ERAS.map((era) => right(era === rank.era ? `[${era}]` : `${era} `, 10)),
    left('COMMAND', 7),
  ]
  const rows = rank.rows.map((row) => [
    String(row.pid),
    name(row),
    String(row.rss),
    String(row.swap),
    String(row.tables),
    String(row.totalVm),
    String(row.oomAdj),
    String(row.oomScoreAdj),
    ...KERNEL_ERAS.map((era) => scoreText(row.standings[era]) + MARKS[row.standings[era].fate]),
    escapeStr(row.comm),
  ])
  return (
    table(columns, rows) +
    '\n* would die now   > would be chosen, and a child die in its place   - may not be chosen\n' +
    `${rank.era} is at work; ${memoryText(rank)}\n`
  )
}

function scoreText({ score }: OomStanding): string {
  return score === ORIGIN_POINTS ? 'most' : String(score)
}

function memoryText({ totalpages, pageSize }: OomRank): string {
  return `RAM and swap are ${totalpages} pages of ${pageSize / 1024} KiB`
}

// --- one process -----------------------------------------------------------------------------------------------------

const FATES: Record<OomStanding['fate'], string> = {
  exempt: 'may not be chosen',
  safe: 'another process would die now',
  spared: 'would be chosen now, and a child die in its place',
  next: 'would die now',
}

const LINE: Column[] = [
  { header: '', width: 2, right: false },
  { header: '', width: 14, right: false },
  { header: '', width: 46, right: false },
  { header: '', width: 12, right: true },
]

function details(rank: OomRank, row: OomRow, user: string): string {
  const head = `${row.pid} (${escapeStr(row.comm)}) of ${user}; ${memoryText(rank)}\n`
  return head + KERNEL_ERAS.map((era) => eraText(rank, era, row.standings[era])).join('')
}

function eraText(rank: OomRank, era: KernelEra, standing: OomStanding): string {
  const { points, steps, score, fate } = standing
  const title = `\n${era}${era === rank.era ? ', at work' : ''}: ${FATES[fate]}\n`
  if (points === null) return title
  const lines = steps.map((step) => ['', ...stepText(step, era, rank), String(step.points)])
  if (era === '6.12')
    lines.push(['', '', '(1000 + score * 1000 / (RAM and swap)) * 2 / 3', String(score)])
  return title + table(LINE, lines)
}

/** What is done to the points, and why. */
function stepText({ term, value }: OomStep, era: KernelEra, { totalpages }: OomRank): string[] {
  switch (term) {
    case 'origin':
      return ['', 'in swapoff: before all others']
    case 'total_vm':
      return ['', 'all that is mapped']
    case 'children':
      return [`+ ${value}`, 'half of what each child has mapped, and 1']
    case 'cpu_time':
      return [`/ ${value}`, 'square root of CPU time in 10.24 s']
    case 'run_time':
      return [`/ ${value}`, 'fourth root of its age in 1024 s']
    case 'nice':
      return [`* ${value}`, 'nice above 0']
    case 'admin':
      return [`${era === '2.6.32' ? '/' : '-'} ${value}`, 'root: CAP_SYS_ADMIN']
    case 'rawio':
      return [`/ ${value}`, 'root: CAP_SYS_RAWIO']
    case 'nodes':
      return [`/ ${value}`, 'other memory nodes']
    case 'oom_adj':
      return [value > 0 ? `<< ${value}` : `>> ${-value}`, 'oom_adj']
    case 'rss':
      return ['', 'resident pages']
    case 'swap':
      return [`+ ${value}`, 'pages in swap']
    case 'pgtables':
      return [`+ ${value}`, 'page tables']
    case 'promille':
      return [`* 1000 / ${value}`, 'thousandths of RAM and swap']
    case 'oom_score_adj':
      return era === '6.12'
        ? [`+ ${value} * ${Math.floor(totalpages / 1000)}`, 'oom_score_adj * (RAM and swap / 1000)']
        : [`+ ${value}`, 'oom_score_adj']
    case 'limit':
      return ['', value === 1 ? 'at least 1' : 'at most 1000']
  }
}
