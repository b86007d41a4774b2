// /proc/version and what uname(2) says: a Linux 6.12 that says whose it is.

import type { Machine } from '../state/machine.ts'
import { KERNEL_RELEASE } from '../state/version.ts'

export const OSTYPE = 'Linux'
export const KERNEL_VERSION = '#1 SMP PREEMPT_DYNAMIC'

export function machineName(m: Machine): string {
  return m.layout.bits === 64 ? 'x86_64' : 'i686'
}

/** What the kernel was given at boot. */
export function bootCommandLine({ options, pageSize }: Machine): string {
  return `ram=${options.ram / 1024}K page_size=${pageSize} seed=${options.seed}`
}

export function procVersion(): string {
  return `${OSTYPE} version ${KERNEL_RELEASE} (oomroom) ${KERNEL_VERSION}\n`
}
