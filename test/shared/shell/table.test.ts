import { expect, it } from 'vitest'
import { table, type Column } from '../../../shared/shell/table.ts'

const columns: Column[] = [
  { header: 'PID', width: 5, right: true },
  { header: 'USER', width: 8, right: false },
  { header: 'RSS', width: 5, right: true },
  { header: 'CMD', width: 3, right: false },
]

it('columns stand below one another, the last as long as it likes', () => {
  expect(table(columns, [['1', 'root', '12', 'init with arguments']])).toBe(
    '  PID USER       RSS CMD\n    1 root        12 init with arguments\n',
  )
})

it('a value that is too wide takes room from what follows', () => {
  expect(table(columns, [['1', 'longusername', '12', 'x']]).split('\n')[1]).toBe(
    '    1 longusername 12 x',
  )
})
