// pmap (procps 4.0.2): a process's mappings; -x with what is resident, -d with offsets.

import { mayAccess } from '../../proc/base.ts'
import { isStack, vmaName, vmaPermissions } from '../../proc/maps.ts'
import { gatherVma } from '../../proc/smaps.ts'
import { hex } from '../../lib/bits.ts'
import type { Machine } from '../../state/machine.ts'
import { VM_SHARED, VM_WRITE, type Vma } from '../../state/mm.ts'
import type { Task } from '../../state/task.ts'
import { failed, machineOf, ok, seatOf, type Call, type Result } from '../world.ts'
import { vmasOf } from '../../mm/vma.ts'

const USAGE = `
Usage:
 pmap [options] PID [PID ...]

Options:
 -x, --extended              show details
 -X                          show even more details
            WARNING: format changes according to /proc/PID/smaps
 -XX                         show everything the kernel provides
 -c, --read-rc               read the default rc
 -C, --read-rc-from=<file>   read the rc from file
 -n, --create-rc             create new default rc
 -N, --create-rc-to=<file>   create new rc to file
            NOTE: pid arguments are not allowed with -n, -N
 -d, --device                show the device format
 -q, --quiet                 do not display header and footer
 -p, --show-path             show path in the mapping
 -A, --range=<low>[,<high>]  limit results to the given range

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see pmap(1).
`

interface Wish {
  extended: boolean
  device: boolean
  quiet: boolean
  path: boolean
}

const NOT_FOUND = 42

export function pmap({ args, world }: Call): Result {
  const wish: Wish = { extended: false, device: false, quiet: false, path: false }
  const pids: number[] = []
  for (const arg of args) {
    if (arg === '--help' || arg === '-h') return ok(USAGE)
    if (/^-[xdqpa]+$/.test(arg)) setOptions(wish, arg)
    else if (arg === '--extended') wish.extended = true
    else if (arg === '--device') wish.device = true
    else if (arg === '--quiet') wish.quiet = true
    else if (arg === '--show-path') wish.path = true
    else if (/^-[^-]/.test(arg)) return failed(`pmap: invalid option -- '${arg[1]}'\n${USAGE}`)
    else if (/^(\/proc\/)?\d+$/.test(arg)) pids.push(Number(arg.replace('/proc/', '')))
    else return failed(USAGE)
  }
  if (pids.length === 0) return failed(USAGE)
  return report(machineOf(world), pids, seatOf(world).uid, wish)
}

/** `-a` meant ASCII once and is taken without a word, as slides still show it. */
function setOptions(wish: Wish, letters: string): void {
  if (letters.includes('x')) wish.extended = true
  if (letters.includes('d')) wish.device = true
  if (letters.includes('q')) wish.quiet = true
  if (letters.includes('p')) wish.path = true
}

/** Of another user's process only the head line is shown. */
function report(m: Machine, pids: number[], uid: number, wish: Wish): Result {
  let stdout = ''
  let status = 0
  for (const pid of pids) {
    const task = m.tasks.get(pid)
    if (task === undefined) {
      status = NOT_FOUND
      continue
    }
    const name = task.mm === null ? `[${task.comm}]` : task.cmdline.join(' ')
    stdout += `${pid}:   ${name}\n`
    if (mayAccess(task, uid)) stdout += body(m, task, wish)
    else status = 1
  }
  return { stdout, stderr: '', status }
}

function body(m: Machine, task: Task, wish: Wish): string {
  if (wish.extended) return extended(m, task, wish)
  if (wish.device) return device(m, task, wish)
  const wide = m.layout.bits === 64
  let total = 0
  let text = ''
  for (const vma of vmasOf(task.mm)) {
    const kb = (vma.end - vma.start) / 1024
    total += kb
    text += `${address(m, vma)} ${String(kb).padStart(6)}K ${mode(vma)} ${mapping(vma, wish)}\n`
  }
  return wish.quiet ? text : `${text} total ${`${total}K`.padStart(wide ? 17 : 9)}\n`
}

function extended(m: Machine, task: Task, wish: Wish): string {
  const wide = m.layout.bits === 64
  const width = wide ? 16 : 8
  const sums = [0, 0, 0]
  const cells = (numbers: number[]) => numbers.map((n) => String(n).padStart(7)).join(' ')
  let text = wish.quiet ? '' : `${'Address'.padEnd(width)}  Kbytes     RSS   Dirty Mode  Mapping\n`
  for (const vma of vmasOf(task.mm)) {
    const { rss, sharedDirty, privateDirty } = gatherVma(m, vma)
    const kb = [(vma.end - vma.start) / 1024, rss / 1024, (sharedDirty + privateDirty) / 1024]
    kb.forEach((value, i) => (sums[i] += value))
    text += `${address(m, vma)} ${cells(kb)} ${mode(vma)} ${mapping(vma, wish)}\n`
  }
  if (wish.quiet) return text
  text += '-'.repeat(width) + ' ------- ------- ------- \n'
  return text + `${'total kB'.padEnd(width)} ${cells(sums)}\n`
}

function device(m: Machine, task: Task, wish: Wish): string {
  const width = m.layout.bits === 64 ? 16 : 8
  let [mapped, writable, shared] = [0, 0, 0]
  let text = wish.quiet
    ? ''
    : `${'Address'.padEnd(width)}  Kbytes Mode  Offset           Device    Mapping\n`
  for (const vma of vmasOf(task.mm)) {
    const kb = (vma.end - vma.start) / 1024
    mapped += kb
    if ((vma.flags & VM_SHARED) !== 0) shared += kb
    else if ((vma.flags & VM_WRITE) !== 0) writable += kb
    const [major, minor] = (vma.file?.dev ?? '00:00').split(':')
    const offset = hex(vma.file === null ? 0 : vma.pgoff * m.pageSize, 16)
    const where = `${major.padStart(3, '0')}:${minor.padStart(5, '0')}`
    text += `${address(m, vma)} ${String(kb).padStart(7)} ${mode(vma)} ${offset} ${where} ${mapping(vma, wish)}\n`
  }
  if (wish.quiet) return text
  return `${text}mapped: ${mapped}K    writeable/private: ${writable}K    shared: ${shared}K\n`
}

function address(m: Machine, vma: Vma): string {
  return hex(vma.start, m.layout.bits === 64 ? 16 : 8)
}

/** `rw---`, with `s` for shared. */
function mode(vma: Vma): string {
  return vmaPermissions(vma).slice(0, 3) + ((vma.flags & VM_SHARED) !== 0 ? 's' : '-') + '-'
}

/** A file's own name, or in brackets that there is none. */
function mapping(vma: Vma, { path }: Wish): string {
  if (vma.file === null) return isStack(vma.mm, vma) ? '  [ stack ]' : '  [ anon ]'
  const name = vmaName(vma)
  return path ? name : name.slice(name.lastIndexOf('/') + 1)
}
