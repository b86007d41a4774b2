// The bots of all rooms: one crowd in a room at a time.

import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BotsState } from '../../shared/wire/bots.ts'
import { Rehearsal, type BotsOrder } from '../bots/rehearsal.ts'
import type { RoomHost } from '../room/host.ts'

export class Rehearsals {
  private readonly rooms = new Map<string, Rehearsal>() // by code
  private readonly http: HttpServer
  private readonly tell: (code: string, state: BotsState) => void

  constructor(http: HttpServer, tell: (code: string, state: BotsState) => void) {
    this.http = http
    this.tell = tell
  }

  /** How those are doing that are or were in the room; null if there were none. */
  stateOf(code: string): BotsState | null {
    return this.rooms.get(code)?.state() ?? null
  }

  /** In the name of the teacher at `seat`. False: there are some already. */
  start(host: RoomHost, seat: number, order: BotsOrder): boolean {
    const { code } = host
    if (this.rooms.get(code)?.over === false) return false
    const rehearsal = new Rehearsal(`${this.ownAddress()}/${code}`, order, {
      state: (state) => this.tell(code, state),
      gone: (seats) => {
        for (const who of seats) void host.command(seat, { t: 'remove', who })
      },
    })
    this.rooms.set(code, rehearsal)
    this.tell(code, rehearsal.state())
    return true
  }

  /** False: there are none. */
  stop(code: string): boolean {
    const rehearsal = this.rooms.get(code)
    if (rehearsal === undefined || rehearsal.over) return false
    rehearsal.stop()
    return true
  }

  close(): void {
    for (const rehearsal of this.rooms.values()) rehearsal.kill()
  }

  /** Where a process of this computer reaches this server. */
  private ownAddress(): string {
    const { address, port } = this.http.address() as AddressInfo
    const any = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[address]
    return `http://${any ?? (address.includes(':') ? `[${address}]` : address)}:${port}`
  }
}
