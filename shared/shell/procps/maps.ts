// What pmap makes of /proc/PID/maps and smaps.

export interface Mapping {
  start: string // hexadecimal, as it is written
  startAddress: number
  size: number // bytes
  perms: string
  offset: string
  dev: string
  inode: string
  name: string // what follows the inode, without the blanks before it
  line: string
  details: [name: string, value: string][] // of smaps: kB, all but the flags
  vmFlags: string
}

const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/

/** Of maps, or of smaps with the details. */
export function parseMaps(text: string): Mapping[] {
  const mappings: Mapping[] = []
  for (const line of text.split('\n')) {
    const head = HEAD.exec(line)
    if (head !== null) {
      const [, start, end, perms, offset, dev, inode, name] = head
      const startAddress = parseInt(start, 16)
      const size = parseInt(end, 16) - startAddress
      mappings.push({
        start,
        startAddress,
        size,
        perms,
        offset,
        dev,
        inode,
        name,
        line,
        details: [],
        vmFlags: '',
      })
      continue
    }
    const last = mappings[mappings.length - 1]
    const detail = /^([A-Z][^:]*): *(\d+)(?: kB)?$/.exec(line)
    if (detail !== null) last.details.push([detail[1], detail[2]])
    else if (line.startsWith('VmFlags: ')) last.vmFlags = line.slice('VmFlags: '.length).trimEnd()
  }
  return mappings
}

/** kB of a detail, 0 where there is none. */
export function detailKb({ details }: Mapping, name: string): number {
  return Number(details.find(([key]) => key === name)?.[1] ?? 0)
}
