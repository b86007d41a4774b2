import { expect, it } from 'vitest'
import { writeSysrq } from '../../../shared/proc/sysrq.ts'
import { KERNEL_ERAS, type KernelEra } from '../../../shared/state/machine.ts'
import { bootSmall } from '../../sim/process.ts'

const said = (letter: string, era: KernelEra = '6.12') => {
  const m = bootSmall(16)
  m.era = era
  m.syslog = []
  writeSysrq(m, letter)
  return { m, lines: m.syslog.map(({ text }) => text) }
}

it('f kills whoever has most, short of memory or not', () => {
  const { m, lines } = said('fx')
  expect(lines[0]).toBe('sysrq: Manual OOM execution')
  expect(lines.at(-1)).toMatch(/^Out of memory: Killed process/)
  expect(m.vmstat.oom_kill).toBe(1)
})

it('m shows memory, c panics, b boots anew when the command is done', () => {
  expect(said('m').lines.slice(0, 2)).toEqual(['sysrq: Show Memory', 'Mem-Info:'])
  expect(said('c').m.panic).toBe('sysrq triggered crash')
  expect(said('b').m.rebootAt).toBe(0)
})

it('anything else brings the list, in the era’s spelling', () => {
  expect(KERNEL_ERAS.map((era) => said('h', era).lines)).toEqual([
    ['SysRq : HELP : reBoot Crash memory-full-oom-kill(F) show-memory-usage(M) '],
    ['SysRq : HELP : reBoot Crash memory-full-oom-kill(F) show-memory-usage(M) '],
    ['sysrq: HELP : reboot(b) crash(c) memory-full-oom-kill(f) show-memory-usage(m) '],
  ])
})
