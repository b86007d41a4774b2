// /proc/slabinfo: the caches of kernel objects (slabinfo_show, mm/slab_common.c). A slab is one page here.

import type { Machine } from '../state/machine.ts'

export function procSlabinfo(m: Machine): string {
  let text = `slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>
`
  for (const { name, size, objects, frames } of m.slab) {
    const perSlab = Math.floor(m.pageSize / size)
    const counts = columns([objects, frames.length * perSlab, size], 6)
    const slabs = columns([frames.length, frames.length, 0], 6)
    text += `${name.padEnd(17)} ${counts} ${columns([perSlab, 1], 4)} : tunables ${columns([0, 0, 0], 4)} : slabdata ${slabs}\n`
  }
  return text
}

function columns(values: number[], width: number): string {
  return values.map((value) => String(value).padStart(width)).join(' ')
}
