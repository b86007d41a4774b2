// Commands that look again and again (free -s, vmstat, top). While they wait they are a process on the machine that
// sleeps; what they print is made here, whenever its time has come.

import { interruptible, notStarted, spawn } from './program.ts'
import { TICKS_PER_SECOND } from '../state/machine.ts'
import { failed, machineOf, ok, RECORDING, type Call, type Result } from './world.ts'

/** `count` looks, Infinity for no end: the first after `first` seconds of machine time, then one every `seconds`. */
export async function repeat(
  call: Call,
  first: number,
  seconds: number,
  count: number,
  look: (index: number) => string,
): Promise<Result> {
  const { world, name, args, tty } = call
  if (count <= 0) return ok('')
  if (world.port.readOnly) return failed(`bash: ${name}: ${RECORDING}\n`)
  let piped = ''
  const out = tty ? world.stdout : (text: string) => void (piped += text)
  const argv = [name, ...args]
  const env = Object.entries(call.env).map(([key, value]) => `${key}=${value}`)
  const begun = machineOf(world).ticks
  const program = { path: `/usr/bin/${name}`, argv, env, stdout: 'pipe' as const, ...call.child }
  const running = await spawn(world, program, () => {})
  if (typeof running === 'number') return notStarted(name, running)
  let looks = 0
  const lookIfDue = () => {
    const passed = (machineOf(world).ticks - begun) / TICKS_PER_SECOND
    while (looks < count && first + looks * seconds <= passed) out(look(looks++))
  }
  lookIfDue()
  const stop = world.port.onApplied(lookIfDue)
  const waitStatus = await interruptible(world.port, running, call.signal)
  stop()
  return { ...ok(piped), status: waitStatus === 0 ? 0 : 128 + (waitStatus & 0x7f) }
}
