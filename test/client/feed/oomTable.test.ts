import { expect, it } from 'vitest'
import { OomTable } from '../../../client/feed/oomTable.ts'

const read = (lines: string[]) => {
  const table = new OomTable()
  for (const line of lines) table.read(line)
  return table
}

it('today: pages in RAM, in swap and in page tables', () => {
  const table = read([
    '[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name',
    '[    308]  1000   308     2976     2121     2100       21         0    57344      250             0 ic',
  ])
  expect(table.sumOf(308, 4096)).toEqual({
    totalVm: 2976,
    rss: 2121,
    swap: 250,
    tables: 14,
    adj: 0,
    moved: null,
    points: 2385,
    score: null,
  })
  expect(table.sumOf(309, 4096)).toBeNull()
})

it('oom_score_adj counts in thousandths of RAM and swap, which the log has as well', () => {
  const table = read([
    'Total swap = 8192kB',
    '16384 pages RAM',
    '1280 pages reserved',
    '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
    '[    307]  1002   307      665       30    40960        0           900 bash',
  ])
  // 17,152 pages in all
  expect(table.sumOf(307, 4096)).toMatchObject({ points: 40, adj: 900, moved: 900 * 17 })
})

it('once: the kernel named a score, and not what it came from', () => {
  const table = read([
    '[ pid ]   uid  tgid total_vm      rss cpu oom_adj name',
    '[  308]  1000   308     2976     2121   0       3 ic',
    'Out of memory: kill process 308 (ic) score 744 or a child',
  ])
  expect(table.sumOf(308, 4096)).toMatchObject({ rss: 2121, adj: 3, points: null, score: 744 })
})

it('a table of another kill is forgotten', () => {
  const header =
    '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name'
  const table = read([
    header,
    '[    308]  1000   308     2976     2121    57344      250     0 ic',
    header,
  ])
  expect(table.sumOf(308, 4096)).toBeNull()
})
