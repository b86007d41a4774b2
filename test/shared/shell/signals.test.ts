import { expect, it } from 'vitest'
import { parseSignal, shellStatus, signalText } from '../../../shared/shell/signals.ts'

it('signals go by number and by name', () => {
  expect(['9', 'KILL', 'sigkill', 'SIGKILL'].map(parseSignal)).toEqual([9, 9, 9, 9])
  expect(['99', 'NOTHING', '', '0x9'].map(parseSignal)).toEqual([null, null, null, null])
  expect(signalText(11)).toBe('Segmentation fault')
})

it('the shell’s status has 128 added for a signal', () => {
  expect(shellStatus(3 << 8)).toBe(3)
  expect(shellStatus(9)).toBe(137)
})
