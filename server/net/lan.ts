// Where this laptop is found on the network.

import { networkInterfaces } from 'node:os'

/** IPv4 addresses that others in the room can reach, private ones first. */
export function lanAddresses(): string[] {
  const found: string[] = []
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of addresses ?? []) {
      if (family === 'IPv4' && !internal && !address.startsWith('169.254.')) found.push(address)
    }
  }
  return found.sort((a, b) => Number(isPrivate(b)) - Number(isPrivate(a)))
}

function isPrivate(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address)
}
