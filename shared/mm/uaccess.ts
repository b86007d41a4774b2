// Loads and stores of a process: through the TLB, else the page tables, else a fault (arch/x86/mm/fault.c).
//
// When an access cannot be had, the task gets its signal and USER_FAULT is thrown. It unwinds to the program's runner
// (kernel/sched.ts), like the longjmp of a hardware exception: code that runs in a process need not check every access.

import {
  NO_PTE,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_WRITE,
  ptePfn,
  writePte,
  type Pte,
} from '../hw/mmu.ts'
import { frameBase, markDirty, type Pfn } from '../hw/ram.ts'
import { switchMm, tlbSlot } from '../hw/tlb.ts'
import type { Machine } from '../state/machine.ts'
import { enqueueTask } from '../state/runqueue.ts'
import {
  ACCESS_READ,
  ACCESS_WRITE,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  type Vaddr,
  type VmFault,
} from '../state/mm.ts'
import { isCanonical } from '../hw/layout.ts'
import { SEGV_MAPERR, SIGBUS, SIGKILL, SIGSEGV, SI_KERNEL, type Task } from '../state/task.ts'
import { TRACE_SIGNAL_DELIVERED } from '../trace/events.ts'
import { handleMmFault, permits } from './memory.ts'
import { sigMask } from './oomKill.ts'
import { getPte, ptepFind } from './pgtable.ts'
import { quickFault } from './quickFault.ts'
import { mkSigInfo, traceSignal } from './siginfo.ts'
import { vmaLookup } from './vma.ts'

/** Thrown, once per failed access, to leave what the process was doing. Its signal is pending. */
class UserFault extends Error {
  override name = 'UserFault'
}

export const USER_FAULT = new UserFault('the process has been sent a signal')

/**
 * Where the word that holds the address lies in RAM, by its index; the page is brought in if need be, and the access is then
 * permitted. Throws USER_FAULT.
 */
export function translate(m: Machine, task: Task, va: Vaddr, write: boolean): number {
  const found = tlbLookup(m, task.mm!.id, va, write)
  return found >= 0 ? found : walk(m, task, va, write) + ((va & (m.pageSize - 1)) >> 2)
}

/** As translate(), if the TLB knows it; else -1. */
export function tlbLookup(m: Machine, mm: number, va: Vaddr, write: boolean): number {
  const { tlb } = m
  const offset = va & (m.pageSize - 1)
  const slot = tlbSlot(va, m.layout.pageShift)
  const tag = write ? tlb.writeTag[slot] : tlb.readTag[slot]
  const known = tag === va - offset + tlb.generation && tlb.mm === mm
  return known ? tlb.base[slot] + (offset >> 2) : -1
}

/** Walks the page tables, with as many faults as it takes; the index of the frame's first word. */
function walk(m: Machine, task: Task, va: Vaddr, write: boolean): number {
  if (!(va >= 0 && va < m.layout.taskSize)) raiseNoAddress(m, task, va)
  const mm = task.mm!
  if (m.tlb.mm !== mm.id) switchMm(m.tlb, mm.id)
  const ptep = ptepFind(m, mm, va)
  let pte = ptep === NO_PTE ? 0 : getPte(m, ptep)
  if (!permitted(pte, write)) {
    pte = quickFault(m, task, va, ptep, pte, write)
    if (pte === 0) return walkAgain(m, task, va, write)
  }
  const seen = pte | (write ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED)
  if (seen !== pte) writePte(m.ram, m.layout, ptep, seen)
  return fillTlb(m, va, ptePfn(pte), write)
}

function permitted(pte: Pte, write: boolean): boolean {
  return (pte & PTE_PRESENT) !== 0 && (!write || (pte & PTE_WRITE) !== 0)
}

/** Has the fault served until the MMU lets the access pass. */
function walkAgain(m: Machine, task: Task, va: Vaddr, write: boolean): number {
  for (;;) {
    const ptep = ptepFind(m, task.mm!, va)
    if (ptep !== NO_PTE && permitted(getPte(m, ptep), write)) return walk(m, task, va, write)
    const fault = handleMmFault(m, task, va, write ? ACCESS_WRITE : ACCESS_READ, ptep)
    if (fault !== 0 || (task.pending & sigMask(SIGKILL)) !== 0) raiseFault(m, task, fault)
  }
}

function fillTlb({ tlb, layout, pageSize, ram }: Machine, va: Vaddr, pfn: Pfn, write: boolean) {
  const tag = va - (va & (pageSize - 1)) + tlb.generation
  const slot = tlbSlot(va, layout.pageShift)
  const base = frameBase(ram, pfn)
  tlb.readTag[slot] = tag
  tlb.writeTag[slot] = write ? tag : NaN
  tlb.base[slot] = base
  if (write) markDirty(ram, pfn)
  return base
}

function raiseNoAddress(m: Machine, task: Task, va: Vaddr): never {
  task.faultAddress = va
  task.faultCode = isCanonical(m.layout, va) ? SEGV_MAPERR : 0
  raise(m, task, SIGSEGV)
}

function raiseFault(m: Machine, task: Task, fault: VmFault): never {
  if ((fault & VM_FAULT_SIGSEGV) !== 0) raise(m, task, SIGSEGV)
  if ((fault & VM_FAULT_SIGBUS) !== 0) raise(m, task, SIGBUS)
  raise(m, task, SIGKILL)
}

function raise(m: Machine, task: Task, signal: number): never {
  // In a system call the caller learns of a bad pointer by EFAULT.
  if (task.call === null && signal !== SIGKILL) forceSig(m, task, signal, task.faultCode)
  else task.pending |= sigMask(signal)
  enqueueTask(m, task)
  throw USER_FAULT
}

/** A signal that the task's own doing has earned; `code` 0: for an address that no process can have. */
export function forceSig(m: Machine, task: Task, signal: number, code: number): void {
  task.pending |= sigMask(signal)
  enqueueTask(m, task)
  const info = code === 0 ? mkSigInfo(SI_KERNEL) : mkSigInfo(code, task.faultAddress)
  traceSignal(m, task, signal, info, TRACE_SIGNAL_DELIVERED)
}

/** A value across two pages: both must be writable before the first byte changes, as the MMU tries them. */
function translateAll(m: Machine, task: Task, va: Vaddr, width: number): void {
  const before = m.pageSize - (va & (m.pageSize - 1))
  if (width <= before) return
  translate(m, task, va, true)
  translate(m, task, va + before, true)
}

export function load8(m: Machine, task: Task, va: Vaddr): number {
  return (m.ram.words[translate(m, task, va, false)] >>> ((va & 3) * 8)) & 0xff
}

export function store8(m: Machine, task: Task, va: Vaddr, value: number): void {
  const word = translate(m, task, va, true)
  const { words } = m.ram
  const shift = (va & 3) * 8
  words[word] = (words[word] & ~(0xff << shift)) | ((value & 0xff) << shift)
}

export function load16(m: Machine, task: Task, va: Vaddr): number {
  return load8(m, task, va) | (load8(m, task, va + 1) << 8)
}

export function store16(m: Machine, task: Task, va: Vaddr, value: number): void {
  translateAll(m, task, va, 2)
  store8(m, task, va, value)
  store8(m, task, va + 1, value >> 8)
}

/** An i32; misaligned is fine, as on x86. */
export function load32(m: Machine, task: Task, va: Vaddr): number {
  if ((va & 3) !== 0) return load16(m, task, va) | (load16(m, task, va + 2) << 16)
  return m.ram.words[translate(m, task, va, false)]
}

export function store32(m: Machine, task: Task, va: Vaddr, value: number): void {
  if ((va & 3) !== 0) {
    translateAll(m, task, va, 4)
    store16(m, task, va, value)
    store16(m, task, va + 2, value >> 16)
    return
  }
  m.ram.words[translate(m, task, va, true)] = value
}

/** 64 bits in two halves. */
export function store64(m: Machine, task: Task, va: Vaddr, low: number, high: number): void {
  translateAll(m, task, va, 8)
  store32(m, task, va, low)
  store32(m, task, va + 4, high)
}

/** A pointer: 8 bytes, 4 on a 32-bit machine. Above 2^53 the low bits are lost: such an address faults anyway. */
export function loadPtr(m: Machine, task: Task, va: Vaddr): number {
  const low = load32(m, task, va) >>> 0
  return m.layout.bits === 32 ? low : low + (load32(m, task, va + 4) >>> 0) * 0x1_0000_0000
}

export function storePtr(m: Machine, task: Task, va: Vaddr, value: number): void {
  const low = (value % 0x1_0000_0000) | 0
  if (m.layout.bits === 32) store32(m, task, va, low)
  else store64(m, task, va, low, Math.floor(value / 0x1_0000_0000))
}

/** Where the byte of the address lies in RAM, by its index; as translate(). */
function translateByte(m: Machine, task: Task, va: Vaddr, write: boolean): number {
  return translate(m, task, va, write) * 4 + (va & 3)
}

function pageOffset(m: Machine, va: Vaddr): number {
  return va & (m.pageSize - 1)
}

/** How many of `count` bytes from the address on lie in its page. */
function inPage(m: Machine, va: Vaddr, count: number): number {
  return Math.min(count, m.pageSize - pageOffset(m, va))
}

export function loadBytes(m: Machine, task: Task, va: Vaddr, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length;) {
    const count = inPage(m, va + done, length - done)
    const at = translateByte(m, task, va + done, false)
    bytes.set(m.ram.bytes.subarray(at, at + count), done)
    done += count
  }
  return bytes
}

export function storeBytes(m: Machine, task: Task, va: Vaddr, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    const count = inPage(m, va + done, bytes.length - done)
    const at = translateByte(m, task, va + done, true)
    m.ram.bytes.set(bytes.subarray(done, done + count), at)
    done += count
  }
}

export function fillBytes(m: Machine, task: Task, va: Vaddr, byte: number, length: number): void {
  for (let done = 0; done < length;) {
    const count = inPage(m, va + done, length - done)
    m.ram.host.fill(translateByte(m, task, va + done, true), byte & 0xff, count)
    done += count
  }
}

/** Copies within the process; the ranges may overlap (memmove). Callers with long ranges do it in pieces. */
export function copyBytes(m: Machine, task: Task, to: Vaddr, from: Vaddr, length: number): void {
  if (to > from && to < from + length) copyDownward(m, task, to, from, length)
  else {
    for (let done = 0; done < length;) {
      const count = inPage(m, to + done, inPage(m, from + done, length - done))
      copyPiece(m, task, to + done, from + done, count)
      done += count
    }
  }
}

/** The target overlaps the source from above: the last bytes first. */
function copyDownward(m: Machine, task: Task, to: Vaddr, from: Vaddr, length: number): void {
  for (let left = length; left > 0;) {
    const last = Math.min(pageOffset(m, to + left - 1), pageOffset(m, from + left - 1))
    const count = Math.min(left, last + 1)
    left -= count
    copyPiece(m, task, to + left, from + left, count)
  }
}

/** Copies bytes that lie in one page, and so do those where they go. */
function copyPiece(m: Machine, task: Task, to: Vaddr, from: Vaddr, count: number): void {
  const source = translate(m, task, from, false)
  const target = translateByte(m, task, to, true)
  // A fault at the target may have driven the source out of memory.
  const kept = tlbLookup(m, task.mm!.id, from, false) === source
  if (kept) m.ram.host.copy(target, source * 4 + (from & 3), count)
  else storeBytes(m, task, to, loadBytes(m, task, from, count))
}

/** The bytes up to a NUL, as Latin-1 text; at most `max` characters. */
export function loadCString(m: Machine, task: Task, va: Vaddr, max: number): string {
  let text = ''
  for (let i = 0; i < max; i++) {
    const byte = load8(m, task, va + i)
    if (byte === 0) break
    text += String.fromCharCode(byte)
  }
  return text
}

/** A byte if that takes no fault; null otherwise. For those who only look. */
export function peek8(m: Machine, task: Task, va: Vaddr): number | null {
  const { mm } = task
  if (mm === null || !(va >= 0 && va < m.layout.taskSize)) return null
  const vma = vmaLookup(mm, va)
  if (vma === undefined || !permits(vma, ACCESS_READ)) return null
  const ptep = ptepFind(m, mm, va)
  const pte = ptep === NO_PTE ? 0 : getPte(m, ptep)
  if ((pte & (PTE_PRESENT | PTE_PROTNONE)) === 0) return null
  const offset = pageOffset(m, va)
  return (m.ram.words[frameBase(m.ram, ptePfn(pte)) + (offset >> 2)] >>> ((offset & 3) * 8)) & 0xff
}
