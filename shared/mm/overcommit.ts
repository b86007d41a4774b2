// Promises: how much memory the kernel lets processes ask for (__vm_enough_memory, mm/util.c).

import type { Machine } from '../state/machine.ts'
import { totalSwapPages } from './swapfile.ts'

/** CommitLimit in pages: what mode 2 grants, all processes together. */
export function vmCommitLimit(m: Machine): number {
  const { overcommitKbytes, overcommitRatio } = m.sysctl
  const share =
    overcommitKbytes > 0
      ? Math.floor((overcommitKbytes * 1024) / m.pageSize)
      : Math.floor((m.totalramPages * overcommitRatio) / 100)
  return share + totalSwapPages(m)
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
    if (pages <= m.totalramPages + totalSwapPages(m)) return true
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
