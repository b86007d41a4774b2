// From a prototype to a form, and from a filled form to a line of C.

import type { CallForm, VariableRow } from '../feed/protocol.ts'

export interface Param {
  type: string
  name: string
  constants: string[] // names that it takes
}

export interface Signature {
  name: string
  result: string
  params: Param[]
  variadic: boolean
}

export const callGroups = {
  heap: [
    'malloc',
    'calloc',
    'realloc',
    'free',
    'malloc_usable_size',
    'malloc_trim',
    'mallopt',
    'malloc_stats',
  ],
  bytes: ['memset', 'memcpy', 'strcpy', 'strlen', 'printf', 'puts'],
  mappings: [
    'mmap',
    'munmap',
    'mremap',
    'mprotect',
    'madvise',
    'mlock',
    'munlock',
    'msync',
    'sbrk',
  ],
  processes: ['fork', 'wait', 'waitpid', 'getpid', 'getppid', 'kill', 'sleep', 'nice', 'exit'],
} as const
export type CallGroup = keyof typeof callGroups | 'others'

/** The functions under their headings, those that the groups do not name last. */
export function grouped(table: readonly CallForm[]): { group: CallGroup; calls: CallForm[] }[] {
  const left = new Map(table.map((call) => [call.name, call]))
  const groups: { group: CallGroup; calls: CallForm[] }[] = []
  for (const [group, names] of Object.entries(callGroups)) {
    const calls = names.flatMap((name) => left.get(name) ?? [])
    for (const { name } of calls) left.delete(name)
    groups.push({ group: group as CallGroup, calls })
  }
  return [...groups, { group: 'others', calls: [...left.values()] }]
}

export function signatureOf({ prototype, constants }: CallForm): Signature {
  const [, result, name, list] = /^(.*?)(\w+)\((.*)\)$/.exec(prototype)!
  const parts = list === 'void' ? [] : list.split(',').map((part) => part.trim())
  return {
    name,
    result: result.trim(),
    variadic: parts.includes('...'),
    params: parts
      .filter((part) => part !== '...')
      .map((part) => {
        const [, type, name] = /^(.*?)(\w+)$/.exec(part)!
        const known = constants.find(([argument]) => argument === name)
        return { type: type.trim(), name, constants: known?.[1] ?? [] }
      }),
  }
}

// What one would type, by the parameter's name.
const usual: Record<string, string> = {
  size: '1 << 20',
  length: '1 << 20',
  len: '1 << 20',
  n: '1 << 20',
  nmemb: '256',
  new_size: '2 << 20',
  old_size: '1 << 20',
  prot: 'PROT_READ | PROT_WRITE',
  fd: '-1',
  advice: 'MADV_DONTNEED',
  c: "'x'",
  increment: '4096',
  seconds: '5',
  inc: '5',
  sig: 'SIGTERM',
  pid: 'getpid()',
  format: '"%p\\n"',
  pathname: '"/dev/zero"',
  path: '"/dev/zero"',
  src: '"hello"',
}
const usualFlags: Record<string, string> = {
  mmap: 'MAP_PRIVATE | MAP_ANONYMOUS',
  mremap: 'MREMAP_MAYMOVE',
  msync: 'MS_SYNC',
}

/** The values that a form begins with; pointers are the variable named last. */
export function firstValues(signature: Signature, variables: readonly VariableRow[]): string[] {
  const pointers = variables.filter(({ type }) => type.endsWith('*'))
  const pointer = pointers[pointers.length - 1]?.name ?? 'p'
  return signature.params.map(({ name, type, constants }) => {
    if (name === 'flags') return usualFlags[signature.name] ?? '0'
    if (name === 'addr' && signature.name === 'mmap') return 'NULL'
    if (usual[name] !== undefined) return usual[name]
    if (type === 'int *') return 'NULL'
    if (type.endsWith('*')) return pointer
    return constants[0] ?? '0'
  })
}

/** Where the result could go: a name that is still free, or none. */
export function firstTarget(
  { result, name }: Signature,
  variables: readonly VariableRow[],
): string {
  const taken = new Set(variables.map((one) => one.name))
  const names = name === 'fork' ? ['c', 'child'] : ['p', 'q', 'r', 's', 't']
  if (name !== 'fork' && !result.endsWith('*')) return ''
  if (/^(mem|str)(?!align)/.test(name)) return ''
  return names.find((one) => !taken.has(one)) ?? names[0]
}

export function lineOf(signature: Signature, values: readonly string[], target: string): string {
  const call = `${signature.name}(${values.map((value) => value.trim() || '0').join(', ')})`
  return target.trim() === '' ? call : `${target.trim()} = ${call}`
}
