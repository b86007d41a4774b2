// What may be done to the machine from outside. The room numbers these and keeps them in its log.

import type { RlimitName } from '../state/task.ts'

/** 'SEAT.BIRTH': the BIRTHth process that seat has had, from 1. Seat 0 is the machine's own. */
export type Handle = string

export type Role = 'teacher' | 'student'

/** What a child does to itself between fork and execve, as `nice`, `choom` and a subshell's `ulimit` have it do. */
export interface ChildSettings {
  nice?: number // the nice value; one that it may not have is left
  oomScoreAdj?: number
  rlimits?: LimitSetting[]
}

export interface LimitSetting {
  resource: RlimitName
  soft: number
  hard: number
}

export type MachineCommand =
  /** Time: one tick (1/20 s of machine time) in which programs may spend `fuel` instructions. */
  | { t: 'tick'; fuel: number }
  /** Somebody takes a new seat: sshd accepts, a login shell and a process at a C prompt start. */
  | { t: 'seat'; name: string; role: Role; from: string }
  /** The seat gets a new process at a C prompt (the old one died, or one more is wanted); `env` is its environment. */
  | { t: 'prompt'; env?: string[] }
  /** A line of C for a process of the seat that waits at its prompt. */
  | { t: 'ic'; task: Handle; line: string }
  /** The seat's shell forks and executes a program. `pipe`: the shell reads its output, it is not shown on the terminal. */
  | ({
      t: 'spawn'
      path: string
      argv: string[]
      env: string[]
      stdout: 'tty' | 'pipe'
    } & ChildSettings)
  /** kill(2) by the seat's shell. */
  | { t: 'kill'; task: Handle; sig: number }
  /** write(2) of the whole text to a file by the seat's shell. */
  | { t: 'write'; path: string; text: string; append: boolean }
  /** The host takes so much RAM away from the machine, or gives it back; for root only. */
  | { t: 'balloon'; bytes: number }
  /** Another seat logs in as root from now on, or as its own user again; root's. */
  | { t: 'role'; who: number; role: Role }
  /** All processes of a seat are killed, and it is not logged in again; root's. */
  | { t: 'ban'; who: number }
  /** A seat that was banned is logged in anew. */
  | { t: 'readmit'; who: number }
  /** The machine is booted anew, by root; a kernel that has panicked obeys nothing else. */
  | { t: 'reboot' }
  /** unlink(2) and mkdir(2) by the seat's shell. */
  | { t: 'unlink'; path: string }
  | { t: 'mkdir'; path: string; mode: number }
  /** truncate(2) by the seat's shell; bytes. */
  | { t: 'truncate'; path: string; length: number }
  /** swapon(2) and swapoff(2) by the seat's shell; root's only. */
  | { t: 'swapon'; path: string }
  | { t: 'swapoff'; path: string }
  /** prlimit(2) by a process of the seat of its own; without `hard` that one stays. */
  | { t: 'rlimit'; task: Handle; resource: RlimitName; soft: number; hard?: number }
  /** setpriority(2) by the seat's shell. */
  | { t: 'nice'; task: Handle; nice: number }
  /** A system call made by a process of the seat, as a debugger lets it. Calls that would have to wait are refused. */
  | { t: 'call'; task: Handle; call: string; args: number[] }
  /** A load, store or fetch of one byte by a process of the seat, as a debugger lets it: a signal is told, not delivered. */
  | { t: 'access'; task: Handle; op: 'read' | 'write' | 'exec'; va: number; byte: number }
