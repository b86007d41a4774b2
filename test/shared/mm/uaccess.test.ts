import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import { flushTlb } from '@shared/hw/tlb.ts'
import {
  copyBytes,
  fillBytes,
  load16,
  load32,
  load8,
  loadBytes,
  loadCString,
  loadPtr,
  peek8,
  store16,
  store32,
  store64,
  store8,
  storeBytes,
  storePtr,
} from '@shared/mm/uaccess.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { hashState } from '@shared/state/walk.ts'
import {
  PAGE,
  addProcess,
  asTask,
  bootSmall,
  byteAt,
  call,
  exitTask,
  forkTask,
} from '../../sim/process.ts'

/** 64 bits, the same in both halves. */
function storeBoth(m: Machine, task: Task, va: number, half: number): void {
  store64(m, task, va, half, half)
}

const H = 0x2000_0000_0000

function scene(pages = 8): { m: Machine; task: Task } {
  const m = bootSmall(8)
  const task = addProcess(m)
  call(m, task, 'mmap', H, pages * PAGE, 3, 0x32, -1, 0)
  return { m, task }
}

describe('loads and stores', () => {
  it('agree with an array of bytes, at any address and width', () => {
    const { m, task } = scene()
    const model = new DataView(new ArrayBuffer(8 * PAGE))
    const random = mkPrng(1)
    asTask(m, task, () => {
      for (let i = 0; i < 5000; i++) {
        // Around the borders of pages, mostly.
        const at = Math.max(
          0,
          Math.min(8 * PAGE - 16, nextBelow(random, 8) * PAGE + nextBelow(random, 24) - 12),
        )
        const value = nextBelow(random, 2 ** 32)
        switch (nextBelow(random, 10)) {
          case 0:
            store8(m, task, H + at, value)
            model.setUint8(at, value)
            break
          case 1:
            store16(m, task, H + at, value)
            model.setUint16(at, value, true)
            break
          case 2:
            store32(m, task, H + at, value)
            model.setUint32(at, value, true)
            break
          case 3:
            storePtr(m, task, H + at, value * 8192 + 5)
            model.setBigUint64(at, BigInt(value * 8192 + 5), true)
            break
          case 4: {
            const length = nextBelow(random, 2 * PAGE) % (8 * PAGE - at)
            fillBytes(m, task, H + at, value, length)
            new Uint8Array(model.buffer).fill(value, at, at + length)
            break
          }
          case 5: {
            const bytes = Uint8Array.from({ length: 16 }, (_, k) => value >> k)
            storeBytes(m, task, H + at, bytes)
            new Uint8Array(model.buffer).set(bytes, at)
            break
          }
          case 6:
            expect(load8(m, task, H + at)).toBe(model.getUint8(at))
            expect(load16(m, task, H + at)).toBe(model.getUint16(at, true))
            break
          case 7:
            expect(load32(m, task, H + at)).toBe(model.getInt32(at, true))
            break
          case 8: {
            const length = Math.min(3 * PAGE, 8 * PAGE - at)
            copyBytes(m, task, H + 100, H + at, length - 100 > 0 ? length - 100 : 0)
            if (length > 100) new Uint8Array(model.buffer).copyWithin(100, at, at + length - 100)
            break
          }
          default: {
            const pointer = model.getBigUint64(at, true)
            if (pointer < 2n ** 53n) expect(loadPtr(m, task, H + at)).toBe(Number(pointer))
          }
        }
      }
      expect(loadBytes(m, task, H, 8 * PAGE)).toEqual(new Uint8Array(model.buffer))
    })
  })

  it('a value across two pages is stored whole or not at all', () => {
    for (const [width, write] of [
      [2, store16],
      [4, store32],
      [8, storePtr],
      [8, storeBoth],
    ] as const) {
      for (const lower of [true, false]) {
        const { m, task } = scene(2)
        call(m, task, 'mprotect', lower ? H : H + PAGE, PAGE, 1)
        for (let before = 1; before < width; before++) {
          const va = H + PAGE - before
          expect(
            asTask(m, task, () => {
              write(m, task, va, 0x7f7f_7f7f)
            }),
          ).toBe('SIGSEGV:ACCERR')
          expect(task.faultAddress).toBe(lower ? va : H + PAGE)
          for (let i = 0; i < width; i++) expect(byteAt(m, task, va + i)).toBe(0)
        }
      }
    }
  })

  it('a text ends at its NUL or at the most one asked for', () => {
    const { m, task } = scene()
    asTask(m, task, () => {
      storeBytes(m, task, H + PAGE - 2, new Uint8Array([104, 233, 108, 0, 120]))
      expect(loadCString(m, task, H + PAGE - 2, 100)).toBe('hél')
      expect(loadCString(m, task, H + PAGE - 2, 2)).toBe('hé')
    })
  })

  it('who only looks takes no fault', () => {
    const { m, task } = scene()
    const hash = hashState(m)
    expect(peek8(m, task, H)).toBe(null)
    expect(peek8(m, task, 5)).toBe(null)
    expect(peek8(m, task, NaN)).toBe(null)
    expect(hashState(m)).toBe(hash)
    asTask(m, task, () => {
      store8(m, task, H, 9)
    })
    expect(peek8(m, task, H)).toBe(9)
  })
})

describe('the TLB', () => {
  it('is a pure cache: flushed before every access, the machine is the same', () => {
    const machines = [false, true].map((flush) => {
      const m = bootSmall(8)
      const random = mkPrng(77)
      const tasks = [addProcess(m)]
      call(m, tasks[0], 'mmap', H, 600 * PAGE, 3, 0x32, -1, 0)
      for (let i = 0; i < 3000; i++) {
        const task = tasks[nextBelow(random, tasks.length)]
        const va = H + nextBelow(random, 300) * 2 * PAGE + nextBelow(random, PAGE)
        if (flush) flushTlb(m.tlb)
        const dice = nextBelow(random, 100)
        if (dice < 60)
          asTask(m, task, () => {
            store8(m, task, va, i)
          })
        else if (dice < 90)
          asTask(m, task, () => {
            load8(m, task, va)
          })
        else if (dice < 94)
          call(
            m,
            task,
            'mprotect',
            H + nextBelow(random, 500) * PAGE,
            50 * PAGE,
            nextBelow(random, 2) * 2 + 1,
          )
        else if (dice < 97 && tasks.length < 5) tasks.push(forkTask(m, task))
        else if (dice < 98 && tasks.length > 1) exitTask(m, tasks.splice(tasks.indexOf(task), 1)[0])
        else call(m, task, 'mmap', H + nextBelow(random, 590) * PAGE, PAGE, 3, 0x32, -1, 0)
      }
      return m
    })
    expect(hashState(machines[1])).toBe(hashState(machines[0]))
  })
})
