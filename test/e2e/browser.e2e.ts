// What the client counts on in a class: a page from a laptop in the LAN, on plain http.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { classUrl, launchBrowser } from '../helpers/browser.ts'

let server: Server
let browser: Browser

beforeAll(async () => {
  server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<h1>a page</h1>')
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser.close()
  server.close()
})

it('a worker paints on a canvas of a page that is no secure context', async () => {
  const page = await browser.newPage()
  const { port } = server.address() as AddressInfo
  await page.goto(classUrl(`http://127.0.0.1:${port}/`))

  const seen = await page.evaluate(async () => {
    const script = `onmessage = ({ data: canvas }) => {
      const context = canvas.getContext('2d')
      context.fillStyle = '#123456'
      context.fillRect(0, 0, 4, 4)
      postMessage([...context.getImageData(0, 0, 1, 1).data])
    }`
    const worker = new Worker(URL.createObjectURL(new Blob([script])))
    const canvas = document.createElement('canvas').transferControlToOffscreen()
    worker.postMessage(canvas, [canvas])
    const pixel = await new Promise((done) => (worker.onmessage = ({ data }) => done(data)))
    return { host: location.hostname, secure: isSecureContext, pixel }
  })

  expect(seen).toEqual({ host: 'class.lan', secure: false, pixel: [0x12, 0x34, 0x56, 255] })
})
