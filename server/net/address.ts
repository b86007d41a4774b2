// Whose request it is. The class may come through proxies; what they say of whom they speak for is believed of as many
// of them as the host has, and of nobody else: anyone can write such a header.

import type { IncomingMessage } from 'node:http'
import proxyAddr from 'proxy-addr'

export type AddressOf = (request: IncomingMessage) => string

/** `proxies`: how many stand before this server, each adding to X-Forwarded-For. */
export function mkAddressOf(proxies: number): AddressOf {
  return (request) => proxyAddr(request, (_address, i) => i < proxies) ?? ''
}
