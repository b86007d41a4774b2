// Lines that were typed: up and down lead through them, and back to the one that was begun.

export class LineHistory {
  private lines: string[] = []
  private at = 0
  private draft = ''

  /** What was typed before this page was opened. */
  begin(lines: readonly string[]): void {
    if (this.lines.length > 0) return
    for (const line of lines) this.add(line)
  }

  add(line: string): void {
    if (this.lines[this.lines.length - 1] !== line) this.lines.push(line)
    if (this.lines.length > LINES_KEPT) this.lines.shift()
    this.at = this.lines.length
  }

  /** The line so many steps on, when this is what stands there now. */
  recall(step: number, line: string): string {
    if (this.at === this.lines.length) this.draft = line
    this.at = Math.max(0, Math.min(this.lines.length, this.at + step))
    return this.at === this.lines.length ? this.draft : this.lines[this.at]
  }
}

const LINES_KEPT = 500
