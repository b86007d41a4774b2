// The C library of a machine: its version, what its processes inherit, what they say when their heap is damaged.

import { describe, expect, it } from 'vitest'
import { apply, createMachine } from '@shared/machine/machine.ts'
import { procMaps } from '@shared/proc/maps.ts'
import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import { exitStatus } from '@shared/shell/program.ts'
import type { Machine, MachineOptions } from '@shared/state/machine.ts'
import { SIGABRT, type Task } from '@shared/state/task.ts'

interface Prompt {
  m: Machine
  task: Task
  type: (line: string) => string
}

/** A process at a C prompt, started in that environment; `type` gives what a line prints. */
function mkPrompt(options: Partial<MachineOptions>, env: string[] = []): Prompt {
  const m = createMachine({ ...DEFAULT_OPTIONS, ...options }, 0)
  apply(m, 1, { t: 'seat', name: 'ada', role: 'student', from: '::1' })
  const { task: handle } = apply(m, 1, { t: 'prompt', env })
  const task = m.handles.get(handle!)!
  const stream = task.stdout!
  const type = (line: string): string => {
    const before = stream.written
    apply(m, 1, { t: 'ic', task: handle!, line })
    for (let i = 0; i < 20 && task.state === 'R'; i++) apply(m, 0, { t: 'tick', fuel: 500_000 })
    return stream.written === before ? '' : stream.text.slice(before - stream.written)
  }
  return { m, task, type }
}

const doubleFree = 'p = malloc(20); free(p); free(p)'

describe('the C library of a machine', () => {
  it('2.36: the text alone, and SIGABRT', () => {
    const { m, task, type } = mkPrompt({})
    expect(type(doubleFree)).toBe(
      'p = (void *) 0x10002a0\nfree(): double free detected in tcache 2\n',
    )
    expect(exitStatus(m, task.handle)! & 0x7f).toBe(SIGABRT)
  })

  it('2.13: message, backtrace, memory map, and SIGABRT', () => {
    const { m, task, type } = mkPrompt({ glibc: '2.13' })
    const lines = type(doubleFree).split('\n')
    expect(lines.slice(0, 3)).toEqual([
      'p = (void *) 0x1000010',
      '*** glibc detected *** ic: double free or corruption (fasttop): 0x0000000001000010 ***',
      '======= Backtrace: =========',
    ])
    const map = lines.indexOf('======= Memory map: ========')
    for (const frame of lines.slice(3, map)) expect(frame).toMatch(/^\S+\[0x[1-9a-f][0-9a-f]*\]$/)
    expect(map).toBeGreaterThan(5)
    expect(lines[map + 1]).toMatch(/^00400000-\w+ r-xp .*\/usr\/bin\/ic$/)
    expect(exitStatus(m, task.handle)! & 0x7f).toBe(SIGABRT)
  })

  it('2.13: MALLOC_CHECK_ says what happens', () => {
    const after = (digit: number) => {
      const { task, type } = mkPrompt({ glibc: '2.13' }, [`MALLOC_CHECK_=${digit}`])
      const said = type(doubleFree).split('\n').slice(1, 3)
      return [task.state === 'Z' ? 'dead' : 'lives', ...said]
    }
    const message = '*** glibc detected *** ic: free(): invalid pointer: 0x0000000001000010 ***'
    expect(after(0)).toEqual(['lives', ''])
    expect(after(1)).toEqual(['lives', message, ''])
    expect(after(2)).toEqual(['dead', ''])
    expect(after(3)).toEqual(['dead', message, '======= Backtrace: ========='])
  })

  it('2.36: MALLOC_CHECK_ does nothing unless libc_malloc_debug is preloaded', () => {
    expect(mkPrompt({}, ['MALLOC_CHECK_=3']).type('malloc(1)')).toContain('0x10002a0')
    const env = ['LD_PRELOAD=libc_malloc_debug.so.0', 'MALLOC_CHECK_=3']
    const { m, task, type } = mkPrompt({}, env)
    expect(procMaps(m, task)).toContain('/usr/lib/x86_64-linux-gnu/libc_malloc_debug.so.0')
    expect(type('malloc(1)')).toContain('0x1000010')
  })

  it('each version has its files', () => {
    const names = (options: Partial<MachineOptions>) => {
      const { m, task } = mkPrompt(options)
      return [...new Set(procMaps(m, task).match(/\/\S*(libc|ld)[-.]\S+/g))]
    }
    expect(names({})).toEqual([
      '/usr/lib/x86_64-linux-gnu/libc.so.6',
      '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    ])
    expect(names({ glibc: '2.13', bits: 32 })).toEqual([
      '/lib/i386-linux-gnu/libc-2.13.so',
      '/lib/i386-linux-gnu/ld-2.13.so',
    ])
  })

  it('fork and execv hand the environment down', () => {
    const { m, task, type } = mkPrompt({ glibc: '2.13' }, ['MALLOC_CHECK_=1'])
    type('fork()')
    const child = task.children[0]
    expect(child.environ).toEqual(['MALLOC_CHECK_=1'])
    apply(m, 1, { t: 'ic', task: child.handle, line: 'execl("/usr/bin/ic", "ic", NULL)' })
    for (let i = 0; i < 5; i++) apply(m, 0, { t: 'tick', fuel: 500_000 })
    expect(child.environ).toEqual(['MALLOC_CHECK_=1'])
    expect(child.flags).toBe(0)
  })

  it('mallinfo2() is a structure that can be shown, copied and looked into', () => {
    const { type } = mkPrompt({})
    type('malloc(2000)')
    expect(type('struct mallinfo2 a = mallinfo2(); b = a; b.arena')).toMatch(/135168\n$/)
    expect(type('mallinfo2().ordblks')).toBe('1\n')
    expect(type('mallinfo2()')).toMatch(/^\{arena = 135168, ordblks = 1, .*keepcost = \d+\}\n$/)
    expect(type('struct rlimit r; r = a')).toContain('error: ')
  })

  it('a child writes into its own heap and arena', () => {
    const { task, type } = mkPrompt({})
    type('p = malloc(24); free(p)')
    type('if (fork() == 0) malloc(24)')
    expect(task.children.length).toBe(1)
    expect(type('malloc(24)')).toContain('0x10002a0') // the parent's cache still has it
  })
})
