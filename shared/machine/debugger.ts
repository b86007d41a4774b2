// What a debugger does to a stopped process: have it make a system call, touch a byte (ptrace(2)).

import { isCanonical } from '../hw/layout.ts'
import { NO_PTE } from '../hw/mmu.ts'
import { EAGAIN, ENOSYS } from '../lib/errno.ts'
import { SEGV_MAPERR, SIGBUS, SIGSEGV, type Task } from '../state/task.ts'
import type { Machine } from '../state/machine.ts'
import {
  ACCESS_EXEC,
  ACCESS_READ,
  ACCESS_WRITE,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
} from '../state/mm.ts'
import { handleMmFault, permits } from '../mm/memory.ts'
import { isMapped } from '../mm/pgtable.ts'
import { USER_FAULT, load8, store8 } from '../mm/uaccess.ts'
import { vmaLookup } from '../mm/vma.ts'
import { WAITING } from '../syscall/define.ts'
import { doSyscall, findSyscall } from '../syscall/table.ts'
import type { MachineCommand } from './command.ts'
import type { Outcome } from './machine.ts'

/** SI_KERNEL: the address is none that a process can have, nor the kernel. */
const NO_USER_ADDRESS = 0x80

/** The process makes a system call. */
export function makeCall(m: Machine, task: Task, name: string, args: number[]): Outcome {
  if (findSyscall(name) === undefined) return { errno: ENOSYS }
  if (task.call !== null) return { errno: EAGAIN } // it is in a call of its own
  const result = callUntilFault(m, task, name, args)
  if (result === WAITING) {
    task.state = 'S'
    task.wait = { for: 'input' }
    task.call = null
    return { errno: EAGAIN }
  }
  return result < 0 && result > -4096 ? { errno: -result } : { result }
}

/** exit and execve do not come back, and a bad pointer is the process's end: 0 then, its state tells. */
function callUntilFault(m: Machine, task: Task, name: string, args: number[]): number {
  try {
    return doSyscall(m, task, name, args)
  } catch (thrown) {
    if (thrown !== USER_FAULT) throw thrown
    return 0
  }
}

const ACCESS = { read: ACCESS_READ, write: ACCESS_WRITE, exec: ACCESS_EXEC }

/** The process touches a byte. What would be its end is told instead. */
export function accessByte(
  m: Machine,
  task: Task,
  { op, va, byte }: MachineCommand & { t: 'access' },
): Outcome {
  if (!(va >= 0 && va < m.layout.taskSize)) {
    const code = isCanonical(m.layout, va) ? SEGV_MAPERR : NO_USER_ADDRESS
    return { signal: { sig: SIGSEGV, code, address: va } }
  }
  if (!allowed(m, task, va, op)) {
    const fault = handleMmFault(m, task, va, ACCESS[op], NO_PTE)
    if ((fault & (VM_FAULT_SIGSEGV | VM_FAULT_SIGBUS)) !== 0) {
      const sig = (fault & VM_FAULT_SIGBUS) !== 0 ? SIGBUS : SIGSEGV
      return { signal: { sig, code: task.faultCode, address: task.faultAddress } }
    }
    if (fault !== 0) return {} // killed for want of memory
  }
  if (op === 'write') {
    store8(m, task, va, byte)
    return {}
  }
  return { result: load8(m, task, va) }
}

function allowed(m: Machine, task: Task, va: number, op: 'read' | 'write' | 'exec'): boolean {
  const vma = vmaLookup(task.mm!, va)
  return vma !== undefined && permits(vma, ACCESS[op]) && isMapped(m, task.mm!, va, op === 'write')
}
