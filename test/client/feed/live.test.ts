import { describe, expect, it, vi } from 'vitest'
import type { Entry } from '@shared/room/entry.ts'
import type { Hello, Welcome } from '@shared/wire/events.ts'
import { hashRoom } from '@shared/room/room.ts'
import { entryBatch, unpackEntries } from '../../../server/room/packing.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

/** A line to a server that the test plays. */
class FakeSocket {
  id = 'first'
  connected = true
  readonly io = { engine: { close: () => undefined } }
  readonly auth: (give: (hello: Hello) => void) => void
  private readonly handlers = new Map<string, (...args: never[]) => void>()

  constructor(options: { auth: FakeSocket['auth'] }) {
    this.auth = options.auth
  }

  on(event: string, handler: (...args: never[]) => void): void {
    this.handlers.set(event, handler)
  }

  tell(event: string, ...args: unknown[]): void {
    this.handlers.get(event)!(...(args as never[]))
  }

  timeout = () => this
  emit = () => this
  connect = () => this
  disconnect = () => this

  /** What the client says of itself when it connects. */
  hello(): Hello {
    let said: Hello | null = null
    this.auth((hello) => (said = hello))
    return said!
  }

  breaks(): void {
    this.connected = false
    this.tell('disconnect', 'transport close')
    this.connected = true
    this.id += "'"
  }
}

const line = vi.hoisted((): { socket: unknown } => ({ socket: null }))
vi.mock('socket.io-client', () => ({
  io: (_url: string, options: ConstructorParameters<typeof FakeSocket>[0]) =>
    (line.socket = new FakeSocket(options)),
}))

const { Live } = await import('../../../client/feed/live.ts')

function connect() {
  const on = {
    link: vi.fn(),
    me: vi.fn(),
    presence: vi.fn(),
    bots: vi.fn(),
    room: vi.fn(),
    changed: vi.fn(),
    death: vi.fn(),
    resynced: vi.fn(),
  }
  const ticket = { url: 'http://here', code: '000000', token: '', name: 'Anna', spectator: false }
  const live = new Live(ticket, on)
  return { live, on, socket: line.socket as FakeSocket }
}

/** A room with some entries, and how a server greets a newcomer to it. */
function lesson() {
  const own = new OwnRoom()
  own.join('Anna', 'student')
  own.tick(20)
  const entries: Entry[] = own.entries
  const welcome = (resume: Welcome['resume']): Welcome => ({
    header: own.room.header,
    seat: 1,
    role: 'student',
    name: 'Anna',
    token: 'f'.repeat(32),
    acts: true,
    seq: own.room.seq,
    resume,
  })
  return { own, entries, welcome }
}

describe('a line that breaks while a snapshot is coming', () => {
  it('leaves nothing that only waited for it: the next one may bring all entries', async () => {
    const { own, entries, welcome } = lesson()
    const { live, socket } = connect()
    socket.tell('welcome', welcome('snapshot'))
    socket.tell('entries', JSON.stringify(entries.slice(-5)))
    socket.breaks()
    expect(socket.hello().have).toBeUndefined()
    socket.tell('welcome', welcome('entries'))
    socket.tell('entries', JSON.stringify(entries))
    await vi.waitFor(() => expect(live.room!.seq).toBe(own.room.seq))
    live.close()
  })

  it('tells of what has been applied, not of what waits', async () => {
    const { own, entries, welcome } = lesson()
    const { live, socket } = connect()
    socket.tell('welcome', welcome('entries'))
    socket.tell('entries', JSON.stringify(entries.slice(0, 6)))
    await vi.waitFor(() => expect(live.room!.seq).toBe(6))
    socket.tell('welcome', welcome('snapshot'))
    socket.tell('entries', JSON.stringify(entries.slice(-5)))
    socket.breaks()
    expect(socket.hello().have?.seq).toBe(6)
    socket.tell('welcome', welcome('entries'))
    socket.tell('entries', JSON.stringify(entries.slice(6)))
    await vi.waitFor(() => expect(live.room!.seq).toBe(own.room.seq))
    live.close()
  })
})

it('entries may come packed or not: a batch of a busy tick is a fifth of its text', async () => {
  const { own, entries, welcome } = lesson()
  const { live, socket } = connect()
  socket.tell('welcome', welcome('entries'))
  const few = entryBatch(entries.slice(0, 2))
  const many = entryBatch(entries.slice(2))
  expect(few.packed).toBeNull()
  expect(many.packed!.length).toBeLessThan(many.json.length / 5)
  socket.tell('entries', few.json)
  socket.tell('packed', many.first, many.packed)
  await vi.waitFor(() => expect(live.room!.seq).toBe(own.room.seq))
  expect(hashRoom(live.room!)).toBe(hashRoom(own.room))
  expect(unpackEntries(many.packed!)).toEqual(entries.slice(2))
  live.close()
})

it('a machine that differs is begun anew when all entries come instead of a snapshot', async () => {
  const { own, entries, welcome } = lesson()
  const { live, socket } = connect()
  socket.tell('welcome', welcome('entries'))
  const wrong: Entry = { seq: 5, at: 0, seat: 0, c: { t: 'hash', hash: '0'.repeat(16) } }
  socket.tell('entries', JSON.stringify([...entries.slice(0, 4), wrong]))
  await vi.waitFor(() => expect(live.room!.seq).toBe(5))
  socket.breaks()
  expect(socket.hello().have).toBeUndefined()
  socket.tell('welcome', welcome('entries'))
  socket.tell('entries', JSON.stringify(entries))
  await vi.waitFor(() => expect(live.room!.seq).toBe(own.room.seq))
  live.close()
})

it('a server that wants to be left alone is asked again when it says, not before', () => {
  vi.useFakeTimers()
  try {
    const { live, on, socket } = connect()
    socket.connected = false
    const connects = vi.spyOn(socket, 'connect')
    const until = Date.now() + 42_000
    socket.tell('connect_error', { data: { why: 'busy', waitMs: 42_000 } })
    expect(on.link).toHaveBeenLastCalledWith({ state: 'busy', until })
    vi.advanceTimersByTime(41_000)
    expect(connects).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1000)
    expect(connects).toHaveBeenCalledOnce()
    live.close()
  } finally {
    vi.useRealTimers()
  }
})
