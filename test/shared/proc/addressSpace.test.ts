import { expect, it } from 'vitest'
import { ptePfn, pteSwap } from '@shared/hw/mmu.ts'
import { followPte } from '@shared/mm/pgtable.ts'
import {
  addressSpace,
  PAGE_ANON,
  PAGE_FILE,
  PAGE_SHARED,
  PAGE_SWAP,
  PAGE_UNTOUCHED,
} from '../../../shared/proc/addressSpace.ts'
import { frameInfo } from '../../../shared/proc/frameInfo.ts'
import { AGE_SWAPCACHE, mkFrameMap, scanFrames } from '../../../shared/proc/frames.ts'
import { pagemap } from '../../../shared/proc/pagemap.ts'
import { NO_PFN, PG_SWAPCACHE } from '../../../shared/state/page.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

const MIB = 2 ** 20
const AT = 0x5000_0000 // nothing else is near, so that nothing merges

function statement(room: OwnRoom, seat: number, line: string): void {
  room.enter(seat, { t: 'ic', task: room.prompt(seat).handle, line })
  room.tick(60)
}

it('what has become of every page of a mapping', () => {
  const room = new OwnRoom()
  const seat = room.join('Ben', 'student')
  const task = room.prompt(seat)
  statement(room, seat, `p = mmap(${AT}, ${8 * 4096}, 3, 0x32, -1, 0)`)
  statement(room, seat, 'memset(p + 4096, 1, 8192)')
  const space = () => addressSpace(room.machine, task, 100)
  const own = () => space().find(({ start }) => start === AT)!
  expect(own().pages[PAGE_ANON]).toBe(2)
  expect(own().cells).toBe('01100000')
  const total = space().reduce((sum, { pages }) => sum + pages[PAGE_ANON], 0)
  expect(total).toBe(task.mm!.rssAnon)
  const [text] = space()
  expect(text.pages[PAGE_FILE]).toBeGreaterThan(0)
  expect(text.permissions).toBe('r-xp')

  statement(room, seat, 'fork()')
  const shared = space().reduce((sum, { pages }) => sum + pages[PAGE_SHARED], 0)
  expect(shared).toBeGreaterThan(2)
})

it('one cell stands for many pages: what most of those touched are', () => {
  const room = new OwnRoom()
  const seat = room.join('Ben', 'student')
  statement(room, seat, `p = mmap(${AT}, ${MIB}, 3, 0x32, -1, 0)`)
  statement(room, seat, `memset(p, 1, ${MIB / 2})`)
  const region = addressSpace(room.machine, room.prompt(seat), 4).find(({ start }) => start === AT)!
  expect(region.cells).toBe('1100')
  expect(region.pages[PAGE_UNTOUCHED]).toBe(128)
})

it('pages in swap say where they are', () => {
  const room = new OwnRoom({ ram: 16 * MIB, swap: 32 * MIB })
  const seat = room.join('Ben', 'student')
  const { machine: m } = room
  statement(room, seat, `p = mmap(0, ${20 * MIB}, 3, 0x22, -1, 0)`)
  for (const value of [1, 2]) {
    statement(room, seat, `memset(p, ${value}, ${20 * MIB})`)
    room.tick(400)
  }
  const task = room.prompt(seat)
  const space = addressSpace(m, task, 100)
  const swapped = space.reduce((sum, { pages }) => sum + pages[PAGE_SWAP], 0)
  expect(swapped).toBe(task.mm!.swapEnts)
  expect(swapped).toBeGreaterThan(1000)

  const region = space.find(({ pages }) => pages[PAGE_SWAP] > 1000)!
  const rows = pagemap(m, task, region.start, (region.end - region.start) / m.pageSize)
  const out = rows.filter((row) => row!.swap !== null)
  expect(out).toHaveLength(region.pages[PAGE_SWAP])
  for (const row of out) {
    expect(pteSwap(followPte(m, task.mm!, row!.va))).toBe(true)
    expect(row).toMatchObject({ pfn: NO_PFN, swap: { device: '/dev/vdb' } })
  }

  const map = mkFrameMap(m.ram.nrFrames)
  scanFrames(m, map)
  const { flags } = m.zone.page
  for (let pfn = 0; pfn < flags.length; pfn++)
    expect((map.age[pfn] & AGE_SWAPCACHE) !== 0, String(pfn)).toBe(
      (flags[pfn] & PG_SWAPCACHE) !== 0,
    )
  const inside = rows.find((row) => row!.pfn !== NO_PFN)!
  const info = frameInfo(m, ptePfn(followPte(m, task.mm!, inside.va)))
  expect(info.lru).toBeGreaterThanOrEqual(0)
  expect(info.swap !== null).toBe((flags[info.pfn] & PG_SWAPCACHE) !== 0)
})
