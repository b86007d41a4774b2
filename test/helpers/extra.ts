// Somebody who has a seat and no screen.

import { io, type Socket } from 'socket.io-client'
import type { Command } from '../../shared/room/entry.ts'
import { PROTOCOL, type Accepted, type Refusal, type Welcome } from '../../shared/wire/events.ts'

const people =
  'Ada Ben Cem Dana Emil Fatma Gül Hanna Ivan Jana Kim Lars Mia Noor Ole Pia Quirin Rosa Sami Tom'
export const names = [...people.split(' '), ...people.split(' ').map((name) => `${name} 2`)]

export class Extra {
  readonly socket: Socket
  private seat = 0

  private constructor(socket: Socket) {
    this.socket = socket
  }

  static async join(url: string, code: string, name: string): Promise<Extra> {
    const auth = { protocol: PROTOCOL, code, name }
    const extra = new Extra(io(url, { auth, transports: ['websocket'], forceNew: true }))
    const welcome = await new Promise<Welcome>((done, fail) => {
      extra.socket.once('welcome', done)
      extra.socket.once('connect_error', fail)
    })
    extra.seat = welcome.seat
    return extra
  }

  /** A line for the first C prompt: the seat's shell was born before it. */
  c(line: string): Promise<Accepted | Refusal> {
    const command: Command = { t: 'ic', task: `${this.seat}.2`, line }
    return this.socket.emitWithAck('command', command) as Promise<Accepted | Refusal>
  }

  leave(): void {
    this.socket.disconnect()
  }
}
