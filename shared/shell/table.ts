// Tables as ps prints them: columns have a width, and a value that is too wide takes the room from what follows.

export interface Column {
  header: string
  width: number
  right: boolean
}

/** One line; the last column is not padded. */
export function tableLine(columns: Column[], cells: string[]): string {
  let line = ''
  let start = 0
  columns.forEach(({ width, right }, i) => {
    const cell = cells[i]
    const at = right ? start + width - cell.length : start
    line = (i === 0 ? line : line + ' ').padEnd(at) + cell
    start += width + 1
  })
  return line + '\n'
}

export function table(columns: Column[], rows: string[][]): string {
  const header = columns.some((column) => column.header !== '')
    ? tableLine(
        columns,
        columns.map((column) => column.header),
      )
    : ''
  return header + rows.map((cells) => tableLine(columns, cells)).join('')
}
