// What goes by plain requests: making a room, asking for one, its log, its QR code, the client's files.

import { createHash, timingSafeEqual } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createGzip, gzipSync } from 'node:zlib'
import express, { type Express, type Request, type Response } from 'express'
import helmet from 'helmet'
import { renderSVG } from 'uqr'
import { parseOptions } from '../../shared/room/options.ts'
import type { RoomHost } from '../room/host.ts'
import { RoomsFull, type Rooms } from '../room/rooms.ts'
import type { AddressOf } from './address.ts'
import { MISS_MS, waitMs, within, type Known, type Limits } from './limits.ts'

export interface ApiOptions {
  rooms: Rooms
  limits: Limits
  known: Known
  addressOf: AddressOf
  engine: string
  publicUrl: string | null // how the class reaches this server, if that is not how the request came
  clientDir: string | null // the built client; null when the development server gives it
  createPassword: string // for making rooms; '': none
}

export function mkApp(options: ApiOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  if (options.clientDir !== null) app.use(securityHeaders())
  app.get('/healthz', (_request, response) => {
    response.json({ ok: true, engine: options.engine, rooms: options.rooms.openCount })
  })
  app.use('/api', api(options))
  if (options.clientDir !== null) serveClient(app, options.clientDir)
  return app
}

/** A class is on plain http: nothing here may turn requests into https. */
function securityHeaders() {
  return helmet({
    contentSecurityPolicy: {
      directives: {
        'default-src': ["'self'"],
        'script-src': ["'self'", "'wasm-unsafe-eval'"],
        'worker-src': ["'self'", 'blob:'],
        'style-src': ["'self'", "'unsafe-inline'"],
        'img-src': ["'self'", 'data:', 'blob:'],
        'connect-src': ["'self'", 'ws:', 'wss:'],
        'upgrade-insecure-requests': null,
      },
    },
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
  })
}

function api({ rooms, limits, known, addressOf, publicUrl, createPassword }: ApiOptions) {
  const router = express.Router()
  router.use(express.json({ limit: '16kb' }))
  const joinUrl = (request: Request, code: string) => `${publicUrl ?? originOf(request)}/${code}`

  /** What one has to know before one asks for a room. */
  router.get('/host', (_request, response) => {
    response.json({ createPassword: createPassword !== '' })
  })

  router.post('/rooms', async (request, response) => {
    const address = addressOf(request)
    if (!(await within(limits.rooms, address)))
      return refuseBusy(response, await waitMs(limits.rooms, address))
    const body: unknown = request.body ?? {}
    if (typeof body !== 'object' || Array.isArray(body)) return refuse(response, 400, 'options')
    const { password, lobby, ...given } = body as Record<string, unknown>
    if (createPassword !== '') {
      const wait = await waitMs(limits.misses, address)
      if (wait > 0) return refuseBusy(response, wait)
      if (!isSame(password, createPassword)) {
        await miss(address)
        return refuse(response, 403, 'password')
      }
    }
    if (lobby !== undefined && typeof lobby !== 'boolean')
      return refuse(response, 400, 'options', 'lobby: true or false')
    const parsed = parseOptions(given)
    if ('problem' in parsed) return refuse(response, 400, 'options', parsed.problem)
    try {
      const settings = lobby === true ? { lobby } : {}
      const { header, ...secrets } = await rooms.create(parsed.options, settings)
      const { code } = header
      response.status(201).json({ code, url: joinUrl(request, code), ...secrets, header })
    } catch (error) {
      if (!(error instanceof RoomsFull)) throw error
      refuse(response, 503, 'rooms')
    }
  })

  /** A code or a password that is none: whoever guesses is slowed down. */
  const miss = async (address: string) => {
    await within(limits.misses, address)
    await new Promise((resolve) => setTimeout(resolve, MISS_MS))
  }

  const withRoom =
    (answer: (host: RoomHost, request: Request, response: Response) => unknown) =>
    async (request: Request, response: Response) => {
      const address = addressOf(request)
      const code = String(request.params.code)
      const wait = known.has(code, address) ? 0 : await waitMs(limits.misses, address)
      if (wait > 0) return refuseBusy(response, wait)
      try {
        const host = await rooms.get(code)
        if (host !== null) return answer(host, request, response)
        await miss(address)
        refuse(response, 404, 'room')
      } catch (error) {
        if (!(error instanceof RoomsFull)) throw error
        refuse(response, 503, 'rooms')
      }
    }

  router.get(
    '/rooms/:code',
    withRoom((host, request, response) => {
      if (host.trouble !== null) return refuse(response, 409, host.trouble.why, host.trouble.text)
      const { code, header, seats, seq, door } = host
      const url = joinUrl(request, code)
      response.json({ code, url, header, seats: seats.size, seq, closed: door.closed })
    }),
  )

  router.get(
    '/rooms/:code/log',
    withRoom(async ({ code }, request, response) => {
      const bytes = Buffer.from(await rooms.store.read(code))
      const whole = bytes.subarray(0, bytes.lastIndexOf(10) + 1) // a line may be half written
      response.type('application/x-ndjson')
      response.setHeader('Content-Disposition', `attachment; filename="oomroom-${code}.ndjson"`)
      response.setHeader('Cache-Control', 'no-store')
      response.setHeader('Vary', 'Accept-Encoding')
      if (request.acceptsEncodings('gzip') === false) return response.send(whole)
      response.setHeader('Content-Encoding', 'gzip')
      if (whole.length < 65_536) return response.end(gzipSync(whole))
      const gzip = createGzip()
      gzip.pipe(response)
      return gzip.end(whole)
    }),
  )

  router.get(
    '/rooms/:code/qr.svg',
    withRoom(({ code }, request, response) => {
      response.type('image/svg+xml').send(renderSVG(joinUrl(request, code)))
    }),
  )

  router.use((_request, response) => refuse(response, 404, 'path'))
  router.use(
    (
      error: { status?: number },
      _request: Request,
      response: Response,
      next: (error?: unknown) => void,
    ) => {
      if (response.headersSent) return next(error)
      if (error.status !== undefined && error.status < 500)
        return refuse(response, error.status, 'malformed')
      refuse(response, 500, 'broken')
    },
  )
  return router
}

/** Takes as long whatever is wrong. */
function isSame(given: unknown, password: string): boolean {
  if (typeof given !== 'string') return false
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(password))
}

function refuse(response: Response, status: number, why: string, detail?: string): void {
  response.status(status).json({ why, ...(detail === undefined ? {} : { detail }) })
}

/** Too many tries; how long to wait stands in the header, too. */
function refuseBusy(response: Response, wait: number): void {
  response.setHeader('Retry-After', String(Math.ceil(wait / 1000)))
  response.status(429).json({ why: 'busy', waitMs: wait })
}

/** The address that the request was sent to; it comes back to who sent it, and to nobody else. */
function originOf(request: Request): string {
  const host = request.headers.host ?? ''
  return `${request.protocol}://${/^[\w.:[\]-]+$/.test(host) ? host : 'localhost'}`
}

function serveClient(app: Express, dir: string): void {
  const index = join(dir, 'index.html')
  app.use(
    '/assets',
    express.static(join(dir, 'assets'), {
      immutable: true,
      maxAge: '1y',
      index: false,
      fallthrough: false,
    }),
  )
  app.use(express.static(dir, { index: false }))
  app.get('/{*any}', (_request, response) => {
    if (existsSync(index)) return response.sendFile(index, { cacheControl: false })
    response.status(503).type('text').send('The client is not built: npm run build\n')
  })
}
