import { describe, expect, it } from 'vitest'
import { procSyslog } from '@shared/proc/syslog.ts'
import { readProc } from '@shared/proc/root.ts'
import { showMem } from '@shared/mm/showMem.ts'
import { dmesgReport } from '@shared/shell/commands/dmesg.ts'
import type { Machine } from '@shared/state/machine.ts'
import { form, hasRecordings } from '../../helpers/recorded.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

const DMESG = {
  time: 'seconds',
  delta: false,
  decode: false,
  raw: false,
  prefixAll: false,
} as const

/** A machine with pages in memory, in swap, in files and in tmpfs; what it says of them, by dmesg. */
function pressed(bits: 64 | 32): { machine: Machine; said: string } {
  const own = new OwnRoom({ ram: 32 * 2 ** 20, swap: 16 * 2 ** 20, bits })
  own.join('Anna', 'student')
  const task = own.room.seats.get(1)!.prompts[0]
  own.enter(1, { t: 'write', path: '/tmp/a', text: 'in a file'.repeat(2000), append: false })
  own.enter(1, { t: 'ic', task, line: 'p = malloc(30 << 20)' })
  own.enter(1, { t: 'ic', task, line: 'memset(p, 7, 30 << 20)' })
  own.tick(60)
  const { machine } = own
  machine.syslog = []
  showMem(machine)
  return { machine, said: dmesgReport(machine, machine.syslog, DMESG) }
}

/** The same lines with # for every number, free blocks without their migrate types, of the last zone only. */
function shape(text: string, zone: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/^\[ *\d+\.\d+\]|^ {15}/, ''))
  const first = lines.findIndex((line) => line.endsWith('Mem-Info:'))
  const last = lines.findIndex((line) => line.endsWith('hwpoisoned'))
  const other = / DMA[ :]/
  const kept = lines
    .slice(first, last + 1)
    .filter(
      (line, i, all) =>
        !other.test(line) && !(line.includes('lowmem') && other.test(all[i - 1] ?? '')),
    )
  return kept.map((line) =>
    line
      .replace(zone, 'ZONE')
      .replace(/: (0kB)/g, ':$1') // 6.1 has a blank where 6.12 has none
      .replace(/ \([UMEH]+\)/g, '')
      .replace(/^( lowmem_reserve\[\]:).*/, (found) => found.replace(/\d+/g, '#'))
      .replace(/^(.*) \d+\*.* = \d+kB$/, '$1 BLOCKS')
      .replace(/\? (yes|no)$/, '? ?')
      .replace(/(?<!hugepages_size=)(?<![A-Za-z])\d+/g, '#'),
  )
}

const values = (text: string, name: string): number[] =>
  [...text.matchAll(new RegExp(`\\b${name}[:=] *(\\d+)`, 'g'))].map(([, value]) => Number(value))

describe('Mem-Info', () => {
  it.runIf(hasRecordings).each([
    [64, 'amd64-128M'],
    [32, 'i386-64M'],
  ] as const)('of %i bits has the recorded lines', (bits, machine) => {
    const { said, machine: m } = pressed(bits)
    const recorded = form('oom.dmesg', machine)
    expect(shape(said, m.zone.name)).toEqual(shape(recorded, bits === 64 ? 'DMA32' : 'Normal'))
  })

  it('says what /proc says', () => {
    const { machine, said } = pressed(64)
    const read = (path: string) => {
      const file = readProc(machine, path, 0)
      if ('errno' in file) throw new Error(path)
      return file.text
    }
    const meminfo = read('/proc/meminfo')
    for (const [name, label] of [
      ['active_anon', 'Active\\(anon\\)'],
      ['inactive_anon', 'Inactive\\(anon\\)'],
      ['active_file', 'Active\\(file\\)'],
      ['inactive_file', 'Inactive\\(file\\)'],
      ['mapped', 'Mapped'],
      ['shmem', 'Shmem'],
      ['pagetables', 'PageTables'],
      ['free', 'MemFree'],
    ]) {
      const pages = values(said, name)[0]
      expect([name, (pages * machine.pageSize) / 1024]).toEqual([name, values(meminfo, label)[0]])
    }
    expect(values(said, 'inactive_anon')[0]).toBeGreaterThan(0)
    const [swapTotal] = values(meminfo, 'SwapTotal')
    const [swapFree] = values(meminfo, 'SwapFree')
    expect(swapFree).toBeLessThan(swapTotal)
    expect(said).toContain(`Free swap  = ${swapFree}kB`)
    expect(said).toContain(`Total swap = ${swapTotal}kB`)
    const [, blocks, sum] = /: (\d+\*4kB.*) = (\d+)kB/.exec(said)!
    const inBlocks = [...blocks.matchAll(/(\d+)\*(\d+)kB/g)].map(
      ([, n, size]) => Number(n) * Number(size),
    )
    expect(inBlocks.reduce((all, one) => all + one)).toBe(Number(sum))
    expect(Number(sum)).toBe(values(meminfo, 'MemFree')[0])
  })

  it('stands in the system log line by line', () => {
    const { machine } = pressed(64)
    const lines = procSyslog(machine).trimEnd().split('\n')
    expect(lines.every((line) => / kernel: \[ *\d+\.\d+\] /.test(line))).toBe(true)
    expect(lines.some((line) => /\] {2}active_file:\d+/.test(line))).toBe(true)
  })
})
