// A phone whose network has stalled: it is still connected, and takes nothing.

import { randomBytes } from 'node:crypto'
import { connect, type Socket as Tcp } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Classroom, hashesOf, until } from './classroom.ts'
import type { Command } from '../../shared/room/entry.ts'

const note = (out: string): Command => ({ t: 'note', out })
/** Text that packing makes no shorter. */
const text = () => randomBytes(12_000).toString('base64')

let room: Classroom
beforeAll(async () => {
  room = await Classroom.open()
})
afterAll(() => room.close())

interface Slow {
  tcp: Tcp
  received: () => string
}

/** Speaks engine.io by hand over a socket that can be told to stop reading. Answers pings. */
async function slowSpectator(code: string): Promise<Slow> {
  const tcp = connect(room.server.address.port, '127.0.0.1')
  let text = ''
  const send = (packet: string) => {
    const bytes = Buffer.from(packet)
    const head =
      bytes.length < 126
        ? Buffer.from([0x81, 0x80 | bytes.length])
        : Buffer.from([0x81, 0x80 | 126, bytes.length >> 8, bytes.length & 255])
    tcp.write(Buffer.concat([head, Buffer.alloc(4), bytes])) // masked with zeros
  }
  tcp.on('data', (chunk) => {
    const said = chunk.toString('latin1')
    text += said
    if (/\x81\x012/.test(said)) send('3')
  })
  tcp.write(
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n' +
      'Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  )
  await until('the line is open', () => text.includes('"sid"'))
  send('40' + JSON.stringify(room.hello(code, { spectator: true })))
  await until('it is welcome', () => text.includes('"welcome"'))
  return { tcp, received: () => text }
}

it('a socket that takes nothing costs the server little, and catches up when it does', async () => {
  const { code } = await room.create()
  const anna = await room.join(code, { name: 'Anna' })
  const { tcp, received } = await slowSpectator(code)
  const host = (await room.server.rooms.get(code))!
  const { io } = room.server.sockets
  const slow = [...io.sockets.sockets.values()].find((socket) => socket.data.seat === 0)!
  const waiting = () => {
    const { writeBuffer } = slow.conn as unknown as { writeBuffer: { data?: string }[] }
    return writeBuffer.reduce((sum, { data }) => sum + (data?.length ?? 0), 0) // a ping has none
  }

  tcp.pause()
  let most = 0
  // More than the kernel's buffers hold, in less time than a dead line is noticed in.
  for (let n = 0; n < 1200; n += 20) {
    await Promise.all(Array.from({ length: 20 }, () => host.command(anna.seat, note(text()))))
    most = Math.max(most, waiting())
    if (!slow.data.following && n > 800) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(slow.data.following, 'it has been left behind').toBe(false)
  expect(most).toBeGreaterThan(3 * 2 ** 20)
  expect(most).toBeLessThan(6 * 2 ** 20)

  tcp.resume()
  await until('it follows again', () => slow.data.following)
  await anna.submit(note('the end'))
  await until('it has heard the end', () => received().includes('the end'))
  expect(host.trouble).toBeNull()
  const late = await room.join(code, { name: 'Late' })
  await anna.submit(note('hello'))
  expect((await hashesOf([anna, late])).size).toBe(1)
  tcp.destroy()
}, 60_000)
