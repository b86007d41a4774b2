// /proc/zoneinfo and /proc/pagetypeinfo (mm/vmstat.c): this machine's one zone. There are no migrate types
// here: all that is free counts as movable.

import { nrFreePages } from '../mm/pageAlloc.ts'
import { MAX_ORDER } from '../state/page.ts'
import type { Machine } from '../state/machine.ts'
import { log2 } from '../lib/bits.ts'
import { nodeItems, vmCounters, zoneItems, type Counters } from './vmstat.ts'

export function procZoneinfo(m: Machine): string {
  const { zone } = m
  const counters = vmCounters(m)
  const promo = 2 * zone.watermarkHigh - zone.watermarkLow
  return `${zoneHead(m)}
  per-node stats
${items(nodeItems(m), counters)}  pages free     ${nrFreePages(zone)}
        boost    0
        min      ${zone.watermarkMin}
        low      ${zone.watermarkLow}
        high     ${zone.watermarkHigh}
        promo    ${promo}
        spanned  ${zone.presentPages}
        present  ${zone.presentPages}
        managed  ${zone.managedPages}
        cma      0
        protection: (0, 0, 0, 0${m.layout.bits === 64 ? ', 0' : ''})
${items(zoneItems(m), counters)}  pagesets
    cpu: 0
              count: ${zone.pcp.count}
              high:  ${zone.pcp.pages.length}
              batch: ${zone.pcp.batch}
  vm stats threshold: ${statThreshold(m)}
  node_unreclaimable:  0
  start_pfn:           0
`
}

function zoneHead({ zone }: Machine): string {
  return `Node 0, zone ${zone.name.padStart(8)}`
}

function items(names: string[], counters: Counters): string {
  return names.map((name) => `      ${name.padEnd(12)} ${counters[name] ?? 0}\n`).join('')
}

/** By how much a processor's own count may differ (calculate_normal_threshold), for one processor. */
function statThreshold(m: Machine): number {
  const parts = Math.floor((m.zone.managedPages * m.pageSize) / 2 ** 27)
  return Math.min(2 * (1 + (parts === 0 ? 0 : log2(parts) + 1)), 125)
}

const MIGRATE_TYPES = ['Unmovable', 'Movable', 'Reclaimable', 'HighAtomic', 'Isolate']

export function procPagetypeinfo(m: Machine): string {
  const { zone } = m
  const blockOrder = Math.min(log2(m.layout.entrySpan[1] / m.pageSize), MAX_ORDER)
  const blockPages = 1 << blockOrder
  const orders = Array.from({ length: MAX_ORDER + 1 }, (_, order) => order)
  const numbers = (values: number[], width: number) =>
    values.map((value) => `${String(value).padStart(width)} `).join('')
  let text = `Page block order: ${blockOrder}\nPages per block:  ${blockPages}\n\n`
  text += `${'Free pages count per migrate type at order'.padEnd(43)} ${numbers(orders, 6)}\n`
  for (const type of MIGRATE_TYPES) {
    const free = orders.map((order) => (type === 'Movable' ? zone.nrFree[order] : 0))
    text += `Node    0, zone ${zone.name.padStart(8)}, type ${type.padStart(12)} ${numbers(free, 6)}\n`
  }
  const kept = Math.floor((zone.presentPages - zone.managedPages) / blockPages)
  const blocks = [kept, Math.ceil(zone.presentPages / blockPages) - kept, 0, 0, 0]
  const types = MIGRATE_TYPES.map((type) => `${type.padStart(12)} `).join('')
  return `${text}\n${'Number of blocks type'.padEnd(23)}${types}\n${zoneHead(m)} ${numbers(blocks, 12)}\n`
}
