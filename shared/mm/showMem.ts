// Mem-Info, what the kernel writes into its log when memory is short or SysRq m asks: what the frames are used for, the zone
// with its watermarks and free blocks, page cache and swap (__show_mem, mm/show_mem.c; 6.12 in every era). What this machine
// has not got shows as 0.

import { log2 } from '../lib/bits.ts'
import type { Machine } from '../state/machine.ts'
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
} from '../state/page.ts'
import { printk } from '../state/printk.ts'
import { countFrames, type Census } from './census.ts'
import { nrFreePages } from './pageAlloc.ts'
import { freeSwapPages, totalSwapPages } from './swapfile.ts'
import { MAX_RECLAIM_RETRIES } from './vmscan.ts'

export function showMem(m: Machine): void {
  const frames = countFrames(m)
  const { zone } = m
  const kb = (pages: number) => `${(pages * m.pageSize) / 1024}kB`
  printk(m, 'Mem-Info:')
  printk(m, counts(m, frames))
  printk(m, nodeLine(m, frames, kb))
  printk(m, zoneLine(m, frames, kb))
  printk(m, `lowmem_reserve[]: 0 0 0 0${wide(m) ? ' 0' : ''}`)
  printk(m, `${zoneName(m)}: ${freeBlocks(m)} = ${kb(nrFreePages(zone))}`)
  const huge = m.layout.entrySpan[1] / 1024
  printk(
    m,
    `Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=${huge}kB`,
    'info',
  )
  printk(m, `${frames.file + frames.swapCache} total pagecache pages`)
  printk(m, `${frames.swapCache} pages in swap cache`)
  printk(m, `Free swap  = ${kb(freeSwapPages(m))}`)
  printk(m, `Total swap = ${kb(totalSwapPages(m))}`)
  printk(m, `${zone.presentPages} pages RAM`)
  printk(m, '0 pages HighMem/MovableOnly')
  printk(m, `${zone.presentPages - zone.managedPages} pages reserved`)
  printk(m, '0 pages hwpoisoned')
}

/** One message of several lines; pages. */
function counts({ zone }: Machine, frames: Census): string {
  const { size } = zone.lruvec
  const { slab, slabReclaimable } = frames
  return [
    `active_anon:${size[LRU_ACTIVE_ANON]} inactive_anon:${size[LRU_INACTIVE_ANON]} isolated_anon:0`,
    `active_file:${size[LRU_ACTIVE_FILE]} inactive_file:${size[LRU_INACTIVE_FILE]} isolated_file:0`,
    `unevictable:${size[LRU_UNEVICTABLE]} dirty:${frames.dirty} writeback:0`,
    `slab_reclaimable:${slabReclaimable} slab_unreclaimable:${slab - slabReclaimable}`,
    `mapped:${frames.mapped} shmem:${frames.shmem} pagetables:${frames.table}`,
    'sec_pagetables:0 bounce:0',
    'kernel_misc_reclaimable:0',
    `free:${nrFreePages(zone)} free_pcp:${zone.pcp.count} free_cma:0`,
  ].join('\n ')
}

type Kb = (pages: number) => string

function nodeLine(m: Machine, frames: Census, kb: Kb): string {
  return (
    `Node 0 ${listSizes(m, kb)} isolated(anon):0kB isolated(file):0kB mapped:${kb(frames.mapped)} ` +
    `dirty:${kb(frames.dirty)} writeback:0kB shmem:${kb(frames.shmem)} shmem_thp:0kB ` +
    `shmem_pmdmapped:0kB anon_thp:0kB writeback_tmp:0kB kernel_stack:${kb(frames.stack)} ` +
    `pagetables:${kb(frames.table)} sec_pagetables:0kB ` +
    `all_unreclaimable? ${m.kswapdFailures >= MAX_RECLAIM_RETRIES ? 'yes' : 'no'}`
  )
}

function zoneLine(m: Machine, frames: Census, kb: Kb): string {
  const { zone } = m
  const { pcp } = zone
  return (
    `${zoneName(m)} free:${kb(nrFreePages(zone))} boost:0kB min:${kb(zone.watermarkMin)} ` +
    `low:${kb(zone.watermarkLow)} high:${kb(zone.watermarkHigh)} reserved_highatomic:0KB ` +
    `${listSizes(m, kb)} writepending:${kb(frames.dirty)} present:${kb(zone.presentPages)} ` +
    `managed:${kb(zone.managedPages)} mlocked:${kb(zone.lruvec.size[LRU_UNEVICTABLE])} bounce:0kB ` +
    `free_pcp:${kb(pcp.count)} local_pcp:${kb(pcp.count)} free_cma:0kB`
  )
}

function listSizes({ zone }: Machine, kb: Kb): string {
  const { size } = zone.lruvec
  return (
    `active_anon:${kb(size[LRU_ACTIVE_ANON])} inactive_anon:${kb(size[LRU_INACTIVE_ANON])} ` +
    `active_file:${kb(size[LRU_ACTIVE_FILE])} inactive_file:${kb(size[LRU_INACTIVE_FILE])} ` +
    `unevictable:${kb(size[LRU_UNEVICTABLE])}`
  )
}

/** `21*4kB (M) 0*8kB`: by order. There are no migrate types here, all is movable. */
function freeBlocks({ zone, pageSize }: Machine): string {
  const blocks: string[] = []
  zone.nrFree.forEach((count, order) => {
    const size = `${count}*${2 ** (log2(pageSize) + order - 10)}kB`
    blocks.push(count === 0 ? size : `${size} (M)`)
  })
  return blocks.join(' ')
}

/** Debian's kernel for i386 knows of no nodes. */
function zoneName(m: Machine): string {
  return wide(m) ? `Node 0 ${m.zone.name}` : m.zone.name
}

function wide({ layout }: Machine): boolean {
  return layout.bits === 64
}
