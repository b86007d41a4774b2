import { describe, expect, it } from 'vitest'
import type { Entry, Header } from '../../../shared/room/entry.ts'
import {
  entryLine,
  headerLine,
  LOG_FORMAT,
  logText,
  parseLog,
  voidLine,
} from '../../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { commandProblem } from '../../../shared/wire/schema.ts'

const header: Header = {
  format: LOG_FORMAT,
  engine: 'e1',
  code: '123456',
  created: 1000,
  options: DEFAULT_OPTIONS,
}
const entries: Entry[] = [
  {
    seq: 1,
    at: 0,
    seat: 1,
    c: { t: 'seat', name: 'Jürgen 🦊', role: 'student', from: '10.0.0.11' },
  },
  { seq: 2, at: 40, seat: 1, c: { t: 'ic', task: '1.2', line: 'p = malloc(2000) // "sum"' } },
  { seq: 3, at: 50, seat: 0, c: { t: 'tick', fuel: 500_000 } },
  { seq: 4, at: 90, seat: 1, c: { t: 'note', out: '\u001b[31mred\ud800 half\u2028' } },
]
const text = logText(header, entries)

describe('a log as text', () => {
  it('is read back as it was written', () => {
    const { log } = parseLog(text, { engine: 'e1', check: commandProblem })
    expect(log).toMatchObject({ header, entries, voided: [], notice: null, length: text.length })
  })

  it('replaces a voided entry by nothing', () => {
    const { log } = parseLog(text + voidLine(2) + '\n')
    expect(log!.entries[1]).toEqual({ seq: 2, at: 40, seat: 1, c: { t: 'void' } })
    expect(log!.voided).toEqual([2])
  })

  it('loses only the last entry when it is torn, wherever that was', () => {
    const whole = logText(header, entries.slice(0, 3))
    for (let end = whole.length + 1; end < text.length - 1; end++) {
      const { log } = parseLog(text.slice(0, end))
      expect(log!.entries).toHaveLength(3)
      expect(log!.length).toBe(whole.length)
      expect(log!.notice).toMatch(/after entry 3/)
    }
  })

  it('accepts a last line that lacks nothing but its newline', () => {
    const { log } = parseLog(text.slice(0, -1))
    expect(log).toMatchObject({ entries, openEnd: true, notice: null })
  })

  it('names the entry of every flipped bit, and never reads on', () => {
    const lines = text.split('\n')
    let flips = 0
    for (let line = 1; line < lines.length - 1; line++) {
      for (let i = 0; i < lines[line].length; i++) {
        const changed = String.fromCharCode(lines[line].charCodeAt(i) ^ 1)
        const bad = [...lines]
        bad[line] = lines[line].slice(0, i) + changed + lines[line].slice(i + 1)
        const { problem } = parseLog(bad.join('\n'))
        expect(problem, `line ${line + 1}, column ${i}`).toMatchObject({
          line: line + 1,
          seq: line,
          field: 'sum',
        })
        flips++
      }
    }
    expect(flips).toBeGreaterThan(300)
  })

  it('names a line that is missing or comes twice', () => {
    const lines = text.split('\n')
    expect(parseLog([lines[0], lines[2], ''].join('\n')).problem).toMatchObject({
      line: 2,
      seq: 1,
      field: 'seq',
    })
    expect(parseLog([lines[0], lines[1], lines[1], ''].join('\n')).problem).toMatchObject({
      line: 3,
      seq: 2,
    })
  })

  it('refuses what it cannot replay, and says why', () => {
    expect(parseLog(text, { engine: 'e2' }).problem).toMatchObject({ field: 'engine' })
    const newer = headerLine({ ...header, format: LOG_FORMAT + 1 })
    expect(parseLog(newer + '\n').problem!.why).toMatch(/format 3, this program reads format 2/)
    const odd = { ...header, options: { ...header.options, pageSize: 5000 } }
    expect(parseLog(headerLine(odd) + '\n').problem).toMatchObject({ line: 1, field: 'header' })
    expect(parseLog('').problem).toMatchObject({ line: 1, field: 'header' })
    expect(parseLog('{"some":"json"}\n').problem).toMatchObject({ line: 1, field: 'header' })
    expect(parseLog(text.replace('123456', '123457')).problem).toMatchObject({
      line: 1,
      field: 'sum',
    })
  })

  it('checks commands when it is told how', () => {
    const odd = { seq: 1, at: 0, seat: 1, c: { t: 'ic', task: '1.2', line: 5 } } as unknown as Entry
    const { problem } = parseLog(headerLine(header) + '\n' + entryLine(odd) + '\n', {
      check: commandProblem,
    })
    expect(problem).toMatchObject({ seq: 1, field: 'c' })
  })

  it('has no room for a command in its own checksum', () => {
    const tricky: Entry = { seq: 1, at: 0, seat: 1, c: { t: 'note', out: '","sum":"00000000"}' } }
    expect(parseLog(logText(header, [tricky])).log!.entries).toEqual([tricky])
  })
})
