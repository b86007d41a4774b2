// A lecture hall for a file of browser tests: the built server, one browser, and those who come in. It is there before
// the file's tests; at the end nobody's page may have met with anything that it did not expect.

import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect } from 'vitest'
import { classUrl, launchBrowser } from './browser.ts'
import { Seat } from './seat.ts'
import { startServer, type ServerOptions, type TestServer } from './server.ts'

export interface Lesson {
  code: string
  teacher: Seat // Grace
  ada: Seat
}

export class Hall {
  server!: TestServer
  browser!: Browser
  private readonly options: ServerOptions
  private readonly seats: Seat[] = []

  private constructor(options: ServerOptions) {
    this.options = options
  }

  /** For the tests of this file. */
  static of(options: ServerOptions = { built: true }): Hall {
    const hall = new Hall(options)
    beforeAll(async () => {
      ;[hall.server, hall.browser] = await Promise.all([startServer(options), launchBrowser()])
    })
    afterAll(async () => {
      await hall.browser?.close()
      await hall.server?.remove()
      expect(hall.seats.flatMap(({ faults }) => faults)).toEqual([])
    })
    return hall
  }

  /** The address that a class would type. */
  get origin(): string {
    return classUrl(this.server.url)
  }

  /** Somebody comes in, with a browser that has not been here before. */
  async seat(locale?: string): Promise<Seat> {
    const seat = await Seat.open(this.browser, locale)
    this.seats.push(seat)
    return seat
  }

  /** The person whose tab was closed opens another one. */
  async tab(of: Seat): Promise<Seat> {
    const seat = Seat.of(await of.page.context().newPage())
    this.seats.push(seat)
    return seat
  }

  /** A room with a teacher and a student. */
  async lesson(): Promise<Lesson> {
    const [teacher, ada] = await Promise.all([this.seat(), this.seat()])
    const code = await teacher.create(this.origin, { name: 'Grace', ram: 16 })
    await ada.join(this.origin, code, 'Ada')
    return { code, teacher, ada }
  }

  /** kill -9, and the server is started again where it was. */
  async restart(meanwhile: () => Promise<void>): Promise<void> {
    const { port, data } = this.server
    await this.server.kill()
    try {
      await meanwhile()
    } finally {
      this.server = await startServer({ ...this.options, port, data })
    }
  }
}
