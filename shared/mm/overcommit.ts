// Promises: how much memory the kernel lets processes ask for (__vm_enough_memory, mm/util.c).

import type { Machine } from '../state/machine.ts'

/** CommitLimit in pages: what mode 2 grants, all processes together. */
export function vmCommitLimit(m: Machine): number {
  return Math.floor((m.totalramPages * m.sysctl.overcommitRatio) / 100)
}

/** Promises the pages, or refuses. `admin`: has CAP_SYS_ADMIN; `totalVm`: pages that the asking process has mapped. */
export function vmEnoughMemory(
  m: Machine,
  pages: number,
  admin: boolean,
  totalVm: number,
): boolean {
  m.committed += pages
  if (m.sysctl.overcommitMemory === 1) return true
  if (m.sysctl.overcommitMemory === 0) {
    if (pages <= m.totalramPages) return true
  } else {
    let allowed = vmCommitLimit(m)
    const pageKb = m.pageSize / 1024
    if (!admin) allowed -= Math.floor(m.sysctl.adminReserveKbytes / pageKb)
    allowed -= Math.min(Math.floor(totalVm / 32), Math.floor(m.sysctl.userReserveKbytes / pageKb))
    if (m.committed < allowed) return true
  }
  m.committed -= pages
  return false
}

export function vmUnacctMemory(m: Machine, pages: number): void {
  m.committed -= pages
}
