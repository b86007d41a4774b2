// balloon: how much RAM the host has taken away, and for root how much it shall. The real one is worked from the host's
// side (QEMU's monitor has a command of this name); here the teacher is on both sides.

import { EINVAL, strerror } from '../../lib/errno.ts'
import { parseSize } from '../../machine/userProgram.ts'
import { failed, machineOf, ok, RECORDING, type Call, type Result } from '../world.ts'

const USAGE = 'usage: balloon [SIZE]   sizes as 512K, 20M, 1G; 0 gives everything back\n'

export async function balloon(call: Call): Promise<Result> {
  const { args, world } = call
  if (args.length === 0) return ok(state(call))
  const bytes = args[0] === '0' ? 0 : parseSize(args[0])
  if (args.length > 1 || bytes === null) return failed(USAGE, 2)
  if (world.port.readOnly) return failed(`balloon: ${RECORDING}\n`)
  const { errno } = await world.port.submit({ t: 'balloon', bytes })
  if (errno === undefined) return ok('')
  const why = errno === EINVAL ? 'the machine has not so much RAM' : strerror(errno)
  return failed(`balloon: ${why}\n`)
}

/** As QEMU's `info balloon`, and what is wanted. */
function state({ world }: Call): string {
  const { balloon: held, totalramPages, pageSize } = machineOf(world)
  const kb = (pages: number) => `${(pages * pageSize) / 1024} kB`
  return (
    `balloon: actual=${kb(held.frames.length)} target=${kb(held.target)}, ` +
    `the machine has ${kb(totalramPages)}\n`
  )
}
