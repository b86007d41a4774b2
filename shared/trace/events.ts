// The tracepoints by their kernel names: the fields of each, and the text that /sys/kernel/tracing/trace shows of them
// (include/trace/events/ of 6.12). What this machine does not have is left out of the text: struct pages, instruction
// pointers, migrate types, the flags of an allocation.

import { hex } from '../lib/bits.ts'

interface Tracepoint<Fields> {
  system: string // the folder below events/
  show: (fields: Fields) => string
}

function point<Fields>(system: string, show: (fields: Fields) => string): Tracepoint<Fields> {
  return { system, show }
}

/** What a signal carries along (siginfo_t). Fields that a signal does not have are 0. */
export interface SigInfo {
  code: number // SI_USER, SEGV_MAPERR, CLD_EXITED, …
  pid: number // who sent it, or the child
  uid: number
  address: number // of a fault
  status: number // of a child: its exit code or signal
  utime: number // of a child: clock ticks
}

interface PageCacheFields {
  dev: string // '08:01'
  ino: number
  pfn: number
  ofs: number // bytes
}

const showPageCache = ({ dev, ino, pfn, ofs }: PageCacheFields): string => {
  const [major, minor] = dev.split(':').map((part) => parseInt(part, 16))
  return `dev ${major}:${minor} ino ${hex(ino)} pfn=0x${hex(pfn)} ofs=${ofs} order=0`
}

interface FaultFields {
  address: number
  error_code: number // PF_PROT, PF_WRITE, …
}

const showFault = ({ address, error_code }: FaultFields): string =>
  `address=0x${hex(address)} error_code=0x${hex(error_code)}`

/** Bits of a fault's error code (arch/x86/include/asm/trap_pf.h). */
export const X86_PF_PROT = 1 // the page is there and does not permit it
export const X86_PF_WRITE = 2
export const X86_PF_USER = 4
export const X86_PF_INSTR = 16

// RECLAIM_WB_* (include/trace/events/vmscan.h)
export const RECLAIM_WB_ANON = 0x1
export const RECLAIM_WB_FILE = 0x2
export const RECLAIM_WB_ASYNC = 0x8
const reclaimNames: [bit: number, name: string][] = [
  [RECLAIM_WB_ANON, 'RECLAIM_WB_ANON'],
  [RECLAIM_WB_FILE, 'RECLAIM_WB_FILE'],
  [RECLAIM_WB_ASYNC, 'RECLAIM_WB_ASYNC'],
]

function showReclaimFlags(flags: number): string {
  const names = reclaimNames.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
  return names.length === 0 ? 'RECLAIM_WB_NONE' : names.join('|')
}

export const TRACEPOINTS = {
  page_fault_user: point<FaultFields>('exceptions', showFault),
  page_fault_kernel: point<FaultFields>('exceptions', showFault),

  mm_page_alloc: point<{ pfn: number; order: number }>(
    'kmem',
    ({ pfn, order }) => `pfn=0x${hex(pfn)} order=${order}`,
  ),
  mm_page_free: point<{ pfn: number; order: number }>(
    'kmem',
    ({ pfn, order }) => `pfn=0x${hex(pfn)} order=${order}`,
  ),

  mm_filemap_add_to_page_cache: point<PageCacheFields>('filemap', showPageCache),
  mm_filemap_delete_from_page_cache: point<PageCacheFields>('filemap', showPageCache),

  vm_unmapped_area: point<{
    addr: number // 0 or -errno where there was none
    total_vm: number // pages
    length: number
    low_limit: number
    high_limit: number
  }>('mmap', ({ addr, total_vm, length, low_limit, high_limit }) => {
    const found = addr < 0 ? 0 : addr
    const err = addr < 0 ? addr : 0
    const limits = `lo=0x${hex(low_limit)} hi=0x${hex(high_limit)}`
    return `addr=0x${hex(found)} err=${err} total_vm=0x${hex(total_vm)} len=0x${hex(length)} ${limits}`
  }),

  mm_vmscan_kswapd_sleep: point<{ nid: number }>('vmscan', ({ nid }) => `nid=${nid}`),
  mm_vmscan_kswapd_wake: point<{ nid: number; order: number }>(
    'vmscan',
    ({ nid, order }) => `nid=${nid} order=${order}`,
  ),
  mm_vmscan_wakeup_kswapd: point<{ nid: number; order: number }>(
    'vmscan',
    ({ nid, order }) => `nid=${nid} order=${order}`,
  ),
  mm_vmscan_direct_reclaim_begin: point<{ order: number }>(
    'vmscan',
    ({ order }) => `order=${order}`,
  ),
  mm_vmscan_direct_reclaim_end: point<{ nr_reclaimed: number }>(
    'vmscan',
    ({ nr_reclaimed }) => `nr_reclaimed=${nr_reclaimed}`,
  ),
  mm_vmscan_lru_shrink_inactive: point<{
    nid: number
    nr_scanned: number
    nr_reclaimed: number
    priority: number
    reclaim_flags: number
  }>(
    'vmscan',
    (f) =>
      `nid=${f.nid} nr_scanned=${f.nr_scanned} nr_reclaimed=${f.nr_reclaimed} ` +
      `priority=${f.priority} flags=${showReclaimFlags(f.reclaim_flags)}`,
  ),
  mm_vmscan_lru_shrink_active: point<{
    nid: number
    nr_taken: number
    nr_deactivated: number
    nr_referenced: number
    priority: number
    reclaim_flags: number
  }>(
    'vmscan',
    (f) =>
      `nid=${f.nid} nr_taken=${f.nr_taken} ` +
      `nr_deactivated=${f.nr_deactivated} nr_referenced=${f.nr_referenced} ` +
      `priority=${f.priority} flags=${showReclaimFlags(f.reclaim_flags)}`,
  ),
  mm_vmscan_write_folio: point<{ pfn: number; reclaim_flags: number }>(
    'vmscan',
    ({ pfn, reclaim_flags }) => `pfn=0x${hex(pfn)} flags=${showReclaimFlags(reclaim_flags)}`,
  ),

  mark_victim: point<{
    pid: number
    comm: string
    total_vm: number // KiB, from here on
    anon_rss: number
    file_rss: number
    shmem_rss: number
    uid: number
    pgtables: number // KiB
    oom_score_adj: number
  }>(
    'oom',
    (f) =>
      `pid=${f.pid} comm=${f.comm} total-vm=${f.total_vm}kB anon-rss=${f.anon_rss}kB ` +
      `file-rss:${f.file_rss}kB shmem-rss:${f.shmem_rss}kB uid=${f.uid} ` +
      `pgtables=${f.pgtables}kB oom_score_adj=${f.oom_score_adj}`,
  ),
  oom_score_adj_update: point<{ pid: number; comm: string; oom_score_adj: number }>(
    'oom',
    ({ pid, comm, oom_score_adj }) => `pid=${pid} comm=${comm} oom_score_adj=${oom_score_adj}`,
  ),

  sched_switch: point<{
    prev_comm: string
    prev_pid: number
    prev_prio: number
    prev_state: string // 'R+': preempted
    next_comm: string
    next_pid: number
    next_prio: number
  }>(
    'sched',
    (f) =>
      `prev_comm=${f.prev_comm} prev_pid=${f.prev_pid} prev_prio=${f.prev_prio} ` +
      `prev_state=${f.prev_state} ==> next_comm=${f.next_comm} next_pid=${f.next_pid} ` +
      `next_prio=${f.next_prio}`,
  ),
  sched_process_fork: point<{
    parent_comm: string
    parent_pid: number
    child_comm: string
    child_pid: number
  }>(
    'sched',
    (f) =>
      `comm=${f.parent_comm} pid=${f.parent_pid} ` +
      `child_comm=${f.child_comm} child_pid=${f.child_pid}`,
  ),
  sched_process_exec: point<{ filename: string; pid: number; old_pid: number }>(
    'sched',
    ({ filename, pid, old_pid }) => `filename=${filename} pid=${pid} old_pid=${old_pid}`,
  ),
  /** `status` is wait4's; the kernel's text does not have it. */
  sched_process_exit: point<{ comm: string; pid: number; prio: number; status: number }>(
    'sched',
    ({ comm, pid, prio }) => `comm=${comm} pid=${pid} prio=${prio}`,
  ),

  signal_generate: point<{
    sig: number
    info: SigInfo
    comm: string
    pid: number
    result: number // TRACE_SIGNAL_*
  }>(
    'signal',
    ({ sig, info, comm, pid, result }) =>
      `sig=${sig} errno=0 code=${info.code} comm=${comm} pid=${pid} grp=1 res=${result}`,
  ),
  signal_deliver: point<{ sig: number; code: number }>(
    'signal',
    ({ sig, code }) => `sig=${sig} errno=0 code=${code}`,
  ),

  /** `line` is how strace begins the call's line: what can be told before the call has been made. */
  sys_enter: point<{ id: number; args: number[]; line: string; open: boolean; name: string }>(
    'raw_syscalls',
    ({ id, args }) => `NR ${id} (${args.map(showWord).join(', ')})`,
  ),
  /** `line` is the rest of the arguments, `value` the result as strace shows it. */
  sys_exit: point<{ id: number; ret: number; line: string; value: string; name: string }>(
    'raw_syscalls',
    ({ id, ret }) => `NR ${id} = ${ret}`,
  ),
}

/** A register: negative numbers as the kernel's unsigned longs. */
function showWord(value: number): string {
  return value < 0 ? BigInt.asUintN(64, BigInt(value)).toString(16) : hex(value)
}

// What became of a signal (include/trace/events/signal.h).
export const TRACE_SIGNAL_DELIVERED = 0
export const TRACE_SIGNAL_IGNORED = 1
export const TRACE_SIGNAL_ALREADY_PENDING = 2

export type TraceName = keyof typeof TRACEPOINTS

export type TraceFields = {
  [Name in TraceName]: (typeof TRACEPOINTS)[Name] extends Tracepoint<infer Fields> ? Fields : never
}

export const TRACE_NAMES = Object.keys(TRACEPOINTS) as TraceName[]

/** An event; `pid` is the task that ran, 0 the idle one. */
export type TraceEvent = {
  [Name in TraceName]: { name: Name; ticks: number; pid: number; args: TraceFields[Name] }
}[TraceName]

/** `mm_page_free: pfn=0x1a2 order=0` */
export function showEvent(event: TraceEvent): string {
  const { show } = TRACEPOINTS[event.name] as Tracepoint<unknown>
  return `${event.name}: ${show(event.args)}`
}
