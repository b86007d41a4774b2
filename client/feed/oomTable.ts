// What the kernel log says about a victim: its row in the table that the OOM killer prints, and the score if it names
// one; and how much memory there was, of which oom_score_adj is a share. So the arithmetic stays with the death, in a room and in a recording.

import type { KillSum } from './protocol.ts'

interface Row {
  totalVm: number
  rss: number
  tableBytes: number | null
  swap: number | null
  adj: number
}

export class OomTable {
  private columns: string[] = []
  private rows = new Map<number, Row>()
  private scores = new Map<number, number>()
  private readonly memory = { ram: 0, reserved: 0, swapKb: 0 } // pages, kB

  /** A line of the kernel's. */
  read(text: string): void {
    if (/^\[ +pid +\]/.test(text)) {
      this.columns = text
        .replace(/^\[ +pid +\]/, '')
        .trim()
        .split(/\s+/)
      this.rows.clear()
      this.scores.clear()
      return
    }
    const row = /^\[ *(\d+)\] +(.+)$/.exec(text)
    if (row !== null && this.columns.length > 0) this.readRow(Number(row[1]), row[2])
    this.readMemory(text)
    const score = /[Kk]ill process (\d+) \(.*\) score (-?\d+) or/.exec(text)
    if (score !== null) this.scores.set(Number(score[1]), Number(score[2]))
  }

  private readMemory(text: string): void {
    const [, count, what] = /^(\d+) pages (RAM|reserved)$/.exec(text) ?? []
    if (what === 'RAM') this.memory.ram = Number(count)
    if (what === 'reserved') this.memory.reserved = Number(count)
    const swap = /^Total swap = (\d+)kB$/.exec(text)
    if (swap !== null) this.memory.swapKb = Number(swap[1])
  }

  private readRow(pid: number, text: string): void {
    const words = text.trim().split(/\s+/)
    const value = (name: string): number | null => {
      const at = this.columns.indexOf(name)
      return at < 0 ? null : Number(words[at])
    }
    const [totalVm, rss] = [value('total_vm'), value('rss')]
    if (totalVm === null || rss === null || Number.isNaN(rss)) return
    this.rows.set(pid, {
      totalVm,
      rss,
      tableBytes: value('pgtables_bytes'),
      swap: value('swapents'),
      adj: value('oom_score_adj') ?? value('oom_adj') ?? 0,
    })
  }

  /** null: the table did not have the process. */
  sumOf(pid: number, pageSize: number): KillSum | null {
    const row = this.rows.get(pid)
    if (row === undefined) return null
    const { rss, swap, tableBytes, adj, totalVm } = row
    const modern = tableBytes !== null && swap !== null
    const { ram, reserved, swapKb } = this.memory
    const totalpages = ram - reserved + Math.floor((swapKb * 1024) / pageSize)
    return {
      totalVm,
      rss,
      swap,
      tables: tableBytes === null ? null : Math.floor(tableBytes / pageSize),
      adj,
      moved: ram === 0 ? null : adj * Math.floor(totalpages / 1000),
      points: modern ? rss + swap + Math.floor(tableBytes / pageSize) : null,
      score: this.scores.get(pid) ?? null,
    }
  }
}
