import { describe, expect, it } from 'vitest'
import * as report from '@shared/mm/oomReport.ts'
import { oomTask } from '../../helpers/oomTask.ts'

const FORMS = ['2.6.32', '2.6.38', '6.1', '6.12'] as const
const task = oomTask(3412, {
  comm: 'oom2',
  totalVm: 136_919,
  rssAnon: 50_778,
  rssFile: 20,
  rssShmem: 1,
  swapEnts: 7,
  pgtablesBytes: 106_496,
  oomAdj: -3,
  oomScoreAdj: -176,
})
const killed = {
  message: 'Out of memory',
  pid: 3412,
  comm: 'oom2',
  totalVmKb: 547_676,
  anonRssKb: 203_112,
  fileRssKb: 80,
  shmemRssKb: 4,
  uid: 1000,
  pgtablesKb: 104,
  oomScoreAdj: -176,
}

describe('the lines of the log, in the forms of four kernels', () => {
  it('who asked', () => {
    const asker = { comm: 'oom2', pid: 3412, uid: 1000, oomAdj: -3, oomScoreAdj: -176 }
    const gfp = { mask: '0xcc0', flags: 'GFP_KERNEL', order: 0 }
    expect(FORMS.map((form) => report.invokedLine(form, asker, gfp))).toEqual([
      'oom2 invoked oom-killer: gfp_mask=0xcc0, order=0, oom_adj=-3',
      'oom2 invoked oom-killer: gfp_mask=0xcc0, order=0, oom_adj=-3, oom_score_adj=-176',
      'oom2 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=-176',
      'oom2 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=-176',
    ])
  })

  it('the table stands under its header', () => {
    const lines = FORMS.flatMap((form) => [report.tasksHeader(form), report.taskLine(form, task)])
    expect(lines).toEqual([
      '[ pid ]   uid  tgid total_vm      rss cpu oom_adj name',
      '[ 3412]  1000  3412   136919    50799   0      -3 oom2',
      '[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name',
      '[ 3412]  1000  3412   136919    50799   0      -3          -176 oom2',
      '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
      '[   3412]  1000  3412   136919    50799   106496        7          -176 oom2',
      '[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name',
      '[   3412]  1000  3412   136919    50799    50778       20         1   106496        7          -176 oom2',
    ])
  })

  it('who was chosen, who dies, and who with it', () => {
    expect([
      report.chosenLine('2.6.32', 'Out of memory', task, 136_919),
      report.chosenLine('2.6.32', 'Out of memory', task, 2 ** 64),
      report.chosenLine('2.6.38', 'Out of memory', task, 871),
      ...FORMS.map((form) => report.killedLine(form, killed)),
      report.sharingLine(task),
      report.groupLine('/team'),
      report.reapedLine(killed),
      report.pinnedLine({ pid: 5, comm: 'a' }, { pid: 1, comm: 'init' }),
    ]).toEqual([
      'Out of memory: kill process 3412 (oom2) score 136919 or a child',
      'Out of memory: kill process 3412 (oom2) score -1 or a child',
      'Out of memory: Kill process 3412 (oom2) score 871 or sacrifice child',
      'Killed process 3412 (oom2)',
      'Killed process 3412 (oom2) total-vm:547676kB, anon-rss:203112kB, file-rss:84kB',
      ...Array<string>(2).fill(
        'Out of memory: Killed process 3412 (oom2) total-vm:547676kB, anon-rss:203112kB, file-rss:80kB, shmem-rss:4kB, UID:1000 pgtables:104kB oom_score_adj:-176',
      ),
      'Kill process 3412 (oom2) sharing same memory',
      'Tasks in /team are going to be killed due to memory.oom.group set',
      'oom_reaper: reaped process 3412 (oom2), now anon-rss:203112kB, file-rss:80kB, shmem-rss:4kB',
      'oom killer 5 (a) has mm pinned by 1 (init)',
    ])
  })
})
