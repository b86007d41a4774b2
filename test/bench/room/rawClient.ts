// A student's connection without a student's machine: it speaks engine.io and socket.io by hand over TCP, counts what
// it is sent and notes when. A thousand of them fit into one process, where a thousand replicas would not.

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Command } from '../../../shared/room/entry.ts'
import type { Accepted, Refusal, Welcome } from '../../../shared/wire/events.ts'

/** As much of a message is kept as tells what it is. */
const HEAD_BYTES = 96
/** A welcome, an answer. Entries are longer, and only counted. */
const KEPT_BYTES = 4096

export interface Heard {
  /** Entries from this number on have come. */
  entries?: (first: number) => void
  answer?: (reply: Accepted | Refusal, emittedMs: number) => void
}

export class RawClient {
  welcome: Welcome | null = null
  refused: string | null = null // why it was not let in
  lastSeq = 0 // an entry that has come
  bytes = 0 // received

  private readonly auth: string
  private readonly tcp: Socket
  private readonly heard: Heard
  private readonly pending = new Map<number, number>() // when commands were emitted, by id
  private nextId = 1
  private opened = false
  private header = Buffer.alloc(0) // an incomplete frame's header
  private left = 0 // bytes of the frame's payload that are still to come
  private length = 0
  private kept: Buffer[] = []
  private keptBytes = 0
  private settle!: (joined: boolean) => void
  /** Fulfilled when it follows the room, or was refused. */
  readonly joined = new Promise<boolean>((resolve) => (this.settle = resolve))

  constructor(port: number, auth: object, heard: Heard) {
    this.heard = heard
    this.auth = JSON.stringify(auth)
    this.tcp = connect({ port, host: '127.0.0.1', noDelay: true })
    const key = randomBytes(16).toString('base64')
    this.tcp.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n' +
        `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    )
    this.tcp.on('data', (chunk) => this.read(chunk))
    this.tcp.on('error', (error) => this.end(error.message))
    this.tcp.on('close', () => this.end('the connection was closed'))
  }

  command(command: Command): void {
    const id = this.nextId++
    this.pending.set(id, now())
    this.send(`42${id}${JSON.stringify(['command', command])}`)
  }

  /** As when the network goes. */
  drop(): void {
    this.tcp.destroy()
  }

  private end(why: string): void {
    if (this.welcome === null) this.refused ??= why
    this.settle(false)
  }

  private send(packet: string): void {
    const text = Buffer.from(packet)
    const short = text.length < 126
    // Masked with zeros, which leaves the text as it is.
    const head = Buffer.alloc(short ? 6 : 8)
    head[0] = 0x81
    head[1] = 0x80 | (short ? text.length : 126)
    if (!short) head.writeUInt16BE(text.length, 2)
    this.tcp.write(Buffer.concat([head, text]))
  }

  private read(chunk: Buffer): void {
    this.bytes += chunk.length
    let at = 0
    if (!this.opened) {
      const end = chunk.indexOf('\r\n\r\n')
      if (end < 0) return // headers come in one piece, or this client does not come in
      this.opened = true
      at = end + 4
    }
    while (at < chunk.length) {
      if (this.left === 0) {
        this.header = Buffer.concat([this.header, chunk.subarray(at, at + 10)])
        const size = headerSize(this.header)
        if (size === null) return
        at += size.header - (this.header.length - Math.min(10, chunk.length - at))
        this.header = Buffer.alloc(0)
        this.left = this.length = size.payload
        this.kept = []
        this.keptBytes = 0
      }
      const part = chunk.subarray(at, at + this.left)
      const most = this.length > KEPT_BYTES ? HEAD_BYTES : KEPT_BYTES
      if (this.keptBytes < most) {
        this.kept.push(part.subarray(0, most - this.keptBytes))
        this.keptBytes += part.length
      }
      at += part.length
      this.left -= part.length
      if (this.left === 0) this.take(Buffer.concat(this.kept).toString('latin1'))
    }
  }

  private take(text: string): void {
    if (text.startsWith('42["entries"') || text.startsWith('42["packed"')) {
      const first = Number(/(?:"packed",|"seq\\":)(\d+)/.exec(text)?.[1])
      this.lastSeq = first
      this.heard.entries?.(first)
    } else if (text.startsWith('43')) {
      const bracket = text.indexOf('[')
      const id = Number(text.slice(2, bracket))
      const [reply] = JSON.parse(text.slice(bracket)) as [Accepted | Refusal]
      this.heard.answer?.(reply, this.pending.get(id)!)
      this.pending.delete(id)
    } else if (text === '2') this.send('3')
    else if (text.startsWith('0')) this.send(`40${this.auth}`)
    else if (text.startsWith('44')) {
      this.end((JSON.parse(text.slice(2)) as { data?: { why: string } }).data?.why ?? text)
    } else if (text.startsWith('42["welcome"'))
      this.welcome = (JSON.parse(text.slice(2)) as [string, Welcome])[1]
    else if (text.startsWith('42["presence"')) this.settle(true)
  }
}

/** Milliseconds of a clock that all threads share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Of a frame from a server, which is not masked; null while some of the header is missing. */
function headerSize(bytes: Buffer): { header: number; payload: number } | null {
  if (bytes.length < 2) return null
  const short = bytes[1] & 0x7f
  if (short < 126) return { header: 2, payload: short }
  if (short === 126) return bytes.length < 4 ? null : { header: 4, payload: bytes.readUInt16BE(2) }
  return bytes.length < 10 ? null : { header: 10, payload: Number(bytes.readBigUInt64BE(2)) }
}
