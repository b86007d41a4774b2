// The structures that the C headers declare for system calls, as the prompt knows them. Programs cannot declare their own.

import { arrayOf, findTypedef, sizeOf, alignOf, typeOfWords } from './ctype.ts'
import type { CType, StructType, WordBits } from './ctype.ts'

export interface Member {
  name: string
  type: CType
  offset: number // bytes
}

function mallinfo(type: string): [member: string, type: string][] {
  const names = 'arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost'
  return names.split(' ').map((name) => [name, type])
}

/** Members in order: a name, perhaps with the length of an array, and a type. */
const structs: Record<string, [member: string, type: string][]> = {
  rlimit: [
    ['rlim_cur', 'rlim_t'],
    ['rlim_max', 'rlim_t'],
  ],
  timespec: [
    ['tv_sec', 'time_t'],
    ['tv_nsec', 'long'],
  ],
  timeval: [
    ['tv_sec', 'time_t'],
    ['tv_usec', 'long'],
  ],
  rusage: [
    ['ru_utime', 'struct timeval'],
    ['ru_stime', 'struct timeval'],
    ...[
      'ru_maxrss',
      'ru_ixrss',
      'ru_idrss',
      'ru_isrss',
      'ru_minflt',
      'ru_majflt',
      'ru_nswap',
      'ru_inblock',
      'ru_oublock',
      'ru_msgsnd',
      'ru_msgrcv',
      'ru_nsignals',
      'ru_nvcsw',
      'ru_nivcsw',
    ].map((name): [string, string] => [name, 'long']),
  ],
  mallinfo: mallinfo('int'),
  mallinfo2: mallinfo('size_t'),
  sysinfo: [
    ['uptime', 'long'],
    ['loads[3]', 'unsigned long'],
    ...['totalram', 'freeram', 'sharedram', 'bufferram', 'totalswap', 'freeswap'].map(
      (name): [string, string] => [name, 'unsigned long'],
    ),
    ['procs', 'unsigned short'],
    ['pad', 'unsigned short'],
    ['totalhigh', 'unsigned long'],
    ['freehigh', 'unsigned long'],
    ['mem_unit', 'unsigned int'],
  ],
}

/** `struct NAME`, or null if no header declares it. */
export function findStruct(name: string): StructType | null {
  if (!Object.hasOwn(structs, name)) return null
  return { kind: 'struct', name: `struct ${name}`, constant: false }
}

export const structNames = Object.keys(structs)

export function membersOf({ name }: StructType, bits: WordBits): Member[] {
  let offset = 0
  return structs[name.slice('struct '.length)].map(([declared, words]) => {
    const [, member, length] = /^(\w+)(?:\[(\d+)\])?$/.exec(declared)!
    const of = namedType(words, bits)
    const type = length === undefined ? of : arrayOf(of, Number(length))
    const align = alignOf(type, bits)
    const at = Math.ceil(offset / align) * align
    offset = at + sizeOf(type, bits)
    return { name: member, type, offset: at }
  })
}

function namedType(words: string, bits: WordBits): CType {
  if (words.startsWith('struct ')) return findStruct(words.slice('struct '.length))!
  return findTypedef(words, bits) ?? typeOfWords(words.split(' '), bits)!
}

export function structSize(type: StructType, bits: WordBits): number {
  const last = membersOf(type, bits).at(-1)!
  const align = structAlign(type, bits)
  return Math.ceil((last.offset + sizeOf(last.type, bits)) / align) * align
}

export function structAlign(type: StructType, bits: WordBits): number {
  return membersOf(type, bits).reduce((most, { type: of }) => Math.max(most, alignOf(of, bits)), 1)
}
