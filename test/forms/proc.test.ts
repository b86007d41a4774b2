// Every recorded process (oracle/proc/layout, sharing) put together again on a machine of ours: what /proc says of it, and
// pmap, must be what was recorded. What must differ is named where it is left out of a comparison. And the settings by
// RAM size (sizes).

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { vmasOf } from '../../shared/mm/vma.ts'
import { checkMachine } from '../../shared/machine/check.ts'
import { walkPageRange } from '../../shared/proc/pageWalk.ts'
import { readProc } from '../../shared/proc/root.ts'
import { procSmaps } from '../../shared/proc/smaps.ts'
import { pmapReport, type PmapFormat } from '../../shared/shell/commands/pmap.ts'
import { detailKb, parseMaps } from '../../shared/shell/procps/maps.ts'
import { ptePfn } from '../../shared/hw/mmu.ts'
import type { Machine } from '../../shared/state/machine.ts'
import { PG_ANON } from '../../shared/state/page.ts'
import type { Task } from '../../shared/state/task.ts'
import { oracle } from '../helpers/oracle.ts'
import { Rebuilder, type RecordedProcess } from '../helpers/rebuild.ts'
import { bootSmall } from '../sim/process.ts'

const folder = oracle('proc')
const MACHINES = ['amd64', 'compat', 'amd64-randomized', 'amd64-6.1', 'i386']

interface Recorded {
  machine: string
  bits: 64 | 32 // of the kernel
  old: boolean // 6.1, with less in smaps and status, and with counts that lag behind
  text: (command: string) => string
  smaps: string
}

/** What a section of a recording is compared with, or why it is left out. */
type Check = ((recorded: string, m: Machine, task: Task, all: Recorded) => void) | string

const tally = { same: 0, leftOut: 0 }

/** The sections `$ command` of a file; the process is the one called PID. */
function sectionsOf(path: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const part of readFileSync(path, 'utf8').split(/^\$ /m).slice(1)) {
    const end = part.indexOf('\n')
    found.set(part.slice(0, end).replace(/\b\d+\b/, 'PID'), part.slice(end + 1))
  }
  return found
}

function file(m: Machine, task: Task, name: string): string {
  const read = readProc(m, `/proc/${task.pid}/${name}`, task.uid)
  if ('errno' in read) throw new Error(`${name}: ${read.errno}`)
  return read.text
}

const lines = (text: string) => text.split('\n')

// --- what differs by the version of the kernel -----------------------------------------------------------------------

/** 6.1 calls a mapping that ends where the heap begins [heap], too. */
function withoutHeapLabel(text: string): string {
  return text.replace(/ *\[heap\]$/gm, ' ')
}

/** 6.1 has no line KSM, and its THPeligible is narrower. */
function smapsOfBoth(text: string): string {
  return text.replace(/^KSM:.*\n/gm, '').replace(/^THPeligible: +/gm, 'THPeligible: ')
}

// --- the sections ----------------------------------------------------------------------------------------------------

/** Lines of status that tell of the moment or of the RAM size, and of peaks before it. */
const STATUS_OF_THE_MOMENT =
  /^(Tgid|Pid|PPid|NStgid|NSpid|NSpgid|NSsid|SigQ|VmPeak|VmHWM|\w+_ctxt_switches):/
/** Lines that 6.1 has not. */
const STATUS_NEW = /^(Kthread|untag_mask|x86_Thread_features\w*):/
/** Counts that 6.1 posts only now and then. */
const STATUS_LAGS = /^(VmRSS|Rss\w+):/

/** Fields of stat by number that tell of the moment: pid, ppid, pgrp, session, tpgid, flags, faults, times, start. */
const STAT_OF_THE_MOMENT = new Set([1, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 22])
/** Where the environment lies, which ours have not; and the resident pages, of which stat, unlike statm, has a count that lags. */
const STAT_OTHERS = new Set([24, 50, 51])

function statFields(text: string): string[] {
  const [, pid, name, rest] = /^(\d+) (\(.*\)) (.*)\n$/.exec(text)!
  return [pid, name, ...rest.split(' ')].map((value, i) => {
    return STAT_OF_THE_MOMENT.has(i + 1) || STAT_OTHERS.has(i + 1) ? '#' : value
  })
}

/** How much others have of the pages that were shared is not known, only that they have. */
function withoutProportions(text: string): string {
  return text.replace(/^(Pss|Pss_File):.*$/gm, '$1: #')
}

/** Runs of pages under each mapping: present, of a file or not. Whose they are is of another moment than smaps. */
function presentPages(text: string): string[] {
  return lines(text).map((line) => {
    if (!line.startsWith(' ')) return line
    const runs: { file: boolean; first: number; end: number }[] = []
    for (const [, kind, from, count] of line.matchAll(/(P[fx]*):([0-9a-f]+)\+(\d+)/g)) {
      const run = { file: kind.includes('f'), first: parseInt(from, 16), end: 0 }
      run.end = run.first + Number(count)
      const last = runs.at(-1)
      if (last?.file === run.file && last.end === run.first) last.end = run.end
      else runs.push(run)
    }
    return runs
      .map((run) => `${run.file ? 'f' : 'a'}:${run.first}+${run.end - run.first}`)
      .join(' ')
  })
}

/** The same of our page table. */
function ourPages(m: Machine, task: Task): string {
  let text = ''
  const maps = lines(file(m, task, 'maps'))
  vmasOf(task.mm).forEach((vma, i) => {
    const runs: string[] = []
    walkPageRange(m, task.mm!, vma.start, vma.end, (va, pte) => {
      const pfn = ptePfn(pte)
      const anonymous = pfn === m.zeroPfn || (m.zone.page.flags[pfn] & PG_ANON) !== 0
      const page = (va - vma.start) / m.pageSize
      runs.push(`P${anonymous ? '' : 'f'}:${page.toString(16)}+1`)
    })
    text += `${maps[i]}\n    ${runs.join(' ')}\n`
  })
  return text
}

/** As `od -An -c` shows bytes. */
function octalDump(text: string): string {
  const cells = [...text].map((char) => (char === '\0' ? '\\0' : char).padStart(4))
  let dump = ''
  for (let i = 0; i < cells.length; i += 16) dump += cells.slice(i, i + 16).join('') + '\n'
  return dump
}

/** pmap formats the recorded maps or smaps. It was itself one of those who map libc: Pss is what it saw. */
function pmapAgain(format: PmapFormat): Check {
  return (recorded, _m, _task, { text, smaps, bits }) => {
    const head = recorded.slice(0, recorded.indexOf('\n') + 1)
    const stat = text('cat /proc/PID/stat')
    const command = text('od -An -c /proc/PID/cmdline').replace(/\s|\\0/g, '')
    expect(head).toMatch(new RegExp(`^\\d+: {3}${command.replaceAll('.', '\\.')}\n$`))
    const startStack = Number(stat.split(' ')[27])
    const wish = { format, quiet: false, path: false, low: 0, high: Infinity, bits }
    const read = format === 'plain' ? text('cat /proc/PID/maps') : withPss(smaps, recorded)
    expect(head + pmapReport(read, startStack, wish)).toBe(recorded)
  }
}

/** smaps with the proportional sizes that a table of pmap shows. */
function withPss(smaps: string, table: string): string {
  const [, head, ...rows] = lines(table).map((line) => line.trim().split(/ +/))
  const column = head.indexOf('Pss')
  if (column < 0) return smaps
  return smaps.replace(/^Pss:.*$/gm, () => `Pss: ${rows.shift()![column]} kB`)
}

const SECTIONS: Record<string, Check> = {
  'cat /proc/PID/maps': (recorded, m, task, { old }) => {
    const text = file(m, task, 'maps')
    if (old) expect(withoutHeapLabel(text)).toBe(withoutHeapLabel(recorded))
    else expect(text).toBe(recorded)
  },
  'cat /proc/PID/statm': (recorded, m, task, { old }) => {
    const fields = (text: string) =>
      text.split(' ').map((value, i) => (old && (i === 1 || i === 2) ? '#' : value))
    expect(fields(file(m, task, 'statm'))).toEqual(fields(recorded))
  },
  'cat /proc/PID/stat': (recorded, m, task) =>
    expect(statFields(file(m, task, 'stat'))).toEqual(statFields(recorded)),
  'cat /proc/PID/status': (recorded, m, task, { old }) => {
    const known = (text: string) =>
      lines(text)
        .filter((line) => !old || !STATUS_NEW.test(line))
        .map((line) => {
          const varies = STATUS_OF_THE_MOMENT.test(line) || (old && STATUS_LAGS.test(line))
          return varies ? line.replace(/\d+/g, '#').replace(/ +#/, ' #') : line
        })
    expect(known(file(m, task, 'status'))).toEqual(known(recorded))
  },
  'cat /proc/PID/oom_score': 'depends on the RAM size; the OOM killer has recordings of its own',
  'cat /proc/PID/oom_score_adj': (recorded, m, task) =>
    expect(file(m, task, 'oom_score_adj')).toBe(recorded),
  'cat /proc/PID/oom_adj': (recorded, m, task) => expect(file(m, task, 'oom_adj')).toBe(recorded),
  'cat /proc/PID/limits': (recorded, m, task) => {
    const bySize = (text: string) =>
      text.replace(/^(Max (?:processes|pending signals) +)\d+ +\d+ +/gm, '$1# # ')
    expect(bySize(file(m, task, 'limits'))).toBe(bySize(recorded))
  },
  'cat /proc/PID/comm': (recorded, m, task) => expect(file(m, task, 'comm')).toBe(recorded),
  'cat /proc/PID/wchan': 'they wait for a pipe, which our machine has not',
  'od -An -c /proc/PID/cmdline': (recorded, m, task) =>
    expect(octalDump(file(m, task, 'cmdline'))).toBe(recorded),
  'pmap PID': pmapAgain('plain'),
  'pmap -x PID': pmapAgain('extended'),
  'pmap -X PID': pmapAgain('more'),
  'cat /proc/PID/smaps_rollup': (recorded, m, task, { old }) => {
    const shape = (text: string) => withoutProportions(old ? smapsOfBoth(text) : text)
    expect(shape(file(m, task, 'smaps_rollup'))).toBe(shape(recorded))
  },
  'pages PID': (recorded, m, task, { old }) => {
    const shape = (text: string) => presentPages(old ? withoutHeapLabel(text) : text)
    expect(shape(ourPages(m, task))).toEqual(shape(recorded))
  },
}

/** smaps whole; Pss only of mappings of which nobody else had a page whom we do not know. */
function compareSmaps(recorded: string, ours: string, old: boolean): void {
  const blocks = (text: string) =>
    (old ? withoutHeapLabel(smapsOfBoth(text)) : text).split(/(?<=^VmFlags.*\n)/m)
  const known = blocks(recorded)
  const found = blocks(ours)
  expect(found.map((block) => lines(block)[0])).toEqual(known.map((block) => lines(block)[0]))
  found.forEach((block, i) => {
    const [mapping] = parseMaps(recorded === '' ? '' : known[i])
    const shared = mapping !== undefined && detailKb(mapping, 'Shared_Clean') > 0
    const shape = (text: string) => (shared ? withoutProportions(text) : text)
    expect(shape(block)).toBe(shape(known[i]))
  })
}

function recordedOf(machine: string, name: string): Recorded & { sections: Map<string, string> } {
  const path = `${folder}/layout/${machine}/${name}`
  const sections = sectionsOf(`${path}.txt`)
  return {
    machine,
    bits: machine === 'i386' ? 32 : 64,
    old: machine === 'i386' || machine === 'amd64-6.1',
    sections,
    text: (command) => sections.get(command)!,
    smaps: readFileSync(`${path}.smaps`, 'utf8'),
  }
}

function processOf({ text, smaps }: Recorded): RecordedProcess {
  return { smaps, pages: text('pages PID'), stat: text('cat /proc/PID/stat') }
}

/** What the recorder has given its processes beside memory. */
function dress(task: Task, { text }: Recorded): void {
  const command = text('od -An -c /proc/PID/cmdline').replace(/\s/g, '')
  task.cmdline = command.split('\\0').slice(0, -1)
  task.comm = task.cmdline[0].slice(2)
  task.ignored = 6 // SIGINT and SIGQUIT, as whatever a script starts in the background
}

describe.runIf(folder !== null).each(MACHINES)('recorded on %s', (machine) => {
  const names =
    folder === null
      ? []
      : readdirSync(`${folder}/layout/${machine}`)
          .filter((name) => name.endsWith('.txt'))
          .map((name) => name.slice(0, -'.txt'.length))
  it.each(names.filter((name) => name !== 'machine' && !name.endsWith('.child')))('%s', (name) => {
    const recorded = recordedOf(machine, name)
    const m = bootSmall(128, 1, 0, { bits: recorded.bits })
    const rebuilder = new Rebuilder(m)
    const childName = `${name}.child`
    const forked = names.includes(childName)
    const task = rebuilder.add(processOf(recorded), forked)
    const cases: [Task, typeof recorded][] = [[task, recorded]]
    if (forked) {
      const its = recordedOf(machine, childName)
      cases.push([rebuilder.addChild(task, processOf(its)), its])
    }
    rebuilder.settleSharing()
    checkMachine(m)
    for (const [one, its] of cases) {
      dress(one, its)
      for (const [command, text] of its.sections) {
        const check = SECTIONS[command]
        expect(check, `${command} is neither compared nor left out`).toBeDefined()
        if (typeof check === 'string') tally.leftOut++
        else {
          check(text, m, one, its)
          tally.same++
        }
      }
      compareSmaps(its.smaps, procSmaps(m, one), its.old)
      tally.same++
    }
  })
})
