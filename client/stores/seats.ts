// The seats this browser holds, by room: their secret tokens never leave it but to the server.

import { defineStore } from 'pinia'
import { ref, watch } from 'vue'
import type { OwnSeat } from '../feed/protocol.ts'
import { readStored, writeStored } from './storage.ts'

export interface HeldSeat {
  code: string
  token: string
  key?: string // of the teacher's link, until it has been used
  name: string
  role: 'teacher' | 'student' | 'spectator'
  hostname: string
  visited: number // ms since 1970
}

const SEATS_KEPT = 12

export const useSeats = defineStore('seats', () => {
  const held = ref<HeldSeat[]>(readSeats())
  watch(held, (seats) => writeStored('seats', seats), { deep: true })

  /** What is known of the room's seat, with what has been learnt just now. */
  function keep(seat: Partial<HeldSeat> & { code: string }): void {
    const before = find(seat.code)
    const blank = { token: '', name: '', role: 'student', hostname: '', visited: 0 } as const
    const next: HeldSeat = { ...blank, ...before, ...seat, visited: Date.now() }
    held.value = [next, ...held.value.filter(({ code }) => code !== seat.code)].slice(0, SEATS_KEPT)
  }

  function find(code: string): HeldSeat | null {
    return held.value.find((seat) => seat.code === code) ?? null
  }

  function forget(code: string): void {
    held.value = held.value.filter((seat) => seat.code !== code)
  }

  /** Without their secrets. */
  function own(): OwnSeat[] {
    return held.value.map(({ code, name, role }) => ({ code, name, teacher: role === 'teacher' }))
  }

  return { held, keep, find, forget, own }
})

function readSeats(): HeldSeat[] {
  const stored = readStored('seats')
  if (!Array.isArray(stored)) return []
  return stored.filter(isSeat)
}

function isSeat(value: unknown): value is HeldSeat {
  if (typeof value !== 'object' || value === null) return false
  const { code, token, name } = value as Record<string, unknown>
  return /^\d{6}$/.test(String(code)) && typeof token === 'string' && typeof name === 'string'
}

/** A secret for a seat one is about to take; works on plain http. */
export function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
