// What bots type at their C prompt. A style is a habit: what it allocates, whether it touches it, whether it gives it
// back. Lines are ones that a person could type; the same seed types the same.
//
//   calm     small blocks that are used and freed, a little arithmetic
//   greedy   blocks of a fraction of RAM, all touched; the oldest goes when there are too many
//   leaky    blocks that are touched and forgotten
//   forky    children that share, then write, then are killed and waited for

import { nextBelow, type Prng } from '../../shared/lib/prng.ts'
import { BOT_STYLES, type BotStyle } from '../../shared/wire/bots.ts'

export const STYLES = BOT_STYLES
export type Style = BotStyle

const CALM_BLOCKS = 4
const GREEDY_BLOCKS = 10
const CHILDREN = 3
/** RAM in this many parts: what a greedy bot thinks is a reasonable block. */
const GREEDY_SHARE = 256

/** The next lines of one bot's process. A new process begins anew: `forget()`. */
export class Typist {
  private readonly style: Style
  private readonly prng: Prng
  private readonly unit: number // bytes
  private blocks: string[] = [] // variables that hold a block, oldest first
  private children: string[] = [] // variables that hold a child's pid
  private count = 0 // of names
  private next: string[] = [] // what has been begun

  constructor(style: Style, prng: Prng, ram: number) {
    this.style = style
    this.prng = prng
    this.unit = Math.max(4096, Math.floor(ram / GREEDY_SHARE / 4096) * 4096)
  }

  /** The process is another one: none of the variables is there. */
  forget(): void {
    this.blocks = []
    this.children = []
    this.next = []
  }

  line(): string {
    return this.next.shift() ?? this[this.style]()
  }

  private calm(): string {
    const dice = this.below(10)
    if (dice < 2) return `i = ${this.below(100)}`
    if (dice < 3) return 'getpid()'
    if (this.blocks.length === CALM_BLOCKS || (dice < 6 && this.blocks.length > 0))
      return this.freeOldest()
    const size = 100 + this.below(8000)
    const name = this.newBlock()
    this.next.push(`if (${name}) strcpy(${name}, "hello")`, `if (${name}) printf("%s\\n", ${name})`)
    return `${name} = malloc(${size})`
  }

  private greedy(): string {
    if (this.blocks.length === GREEDY_BLOCKS) return this.freeOldest()
    const size = this.unit * (1 + this.below(4))
    const name = this.newBlock()
    this.next.push(`if (${name}) memset(${name}, ${this.below(256)}, ${size})`)
    return `${name} = malloc(${size})`
  }

  private leaky(): string {
    const size = 4096 + this.below(this.unit)
    this.next.push(`if (p) memset(p, ${this.below(256)}, ${size})`)
    return `p = malloc(${size})`
  }

  private forky(): string {
    if (this.blocks.length === 0) {
      const name = this.newBlock()
      this.next.push(`if (${name}) memset(${name}, 1, ${this.unit})`)
      return `${name} = malloc(${this.unit})`
    }
    const [block] = this.blocks
    // Its pages are shared with the children until somebody writes.
    if (this.below(3) === 0 && this.children.length > 0)
      return `if (${block}) memset(${block}, ${this.below(256)}, ${this.unit >> this.below(3)})`
    if (this.children.length === CHILDREN || (this.children.length > 0 && this.below(3) === 0)) {
      const child = this.children.shift()!
      // A fork that failed has left -1, and kill(-1) is for everybody.
      this.next.push(`if (${child} > 0) waitpid(${child}, 0, 0)`)
      return `if (${child} > 0) kill(${child}, SIGKILL)`
    }
    const child = `c${this.count++ % 8}`
    this.children.push(child)
    return `${child} = fork()`
  }

  /** A name for a block. Few are held at a time, so that a name is free again when its turn comes. */
  private newBlock(): string {
    const name = `${this.style[0]}${this.count++ % 64}`
    this.blocks.push(name)
    return name
  }

  private freeOldest(): string {
    return `free(${this.blocks.shift()!})`
  }

  private below(bound: number): number {
    return nextBelow(this.prng, bound)
  }
}
