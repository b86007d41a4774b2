// reboot: root boots the machine anew. Files in RAM are gone, everybody gets a new login shell.

import { strerror } from '../../lib/errno.ts'
import { failed, ok, RECORDING, type Call, type Result, type World } from '../world.ts'

const USAGE = `reboot [OPTIONS...]

Reboot the system.

Options:
     --help      Show this help
  -f --force     Force immediate reboot
`

export async function reboot({ args, world }: Call): Promise<Result> {
  for (const arg of args) {
    if (arg === '--help') return ok(USAGE)
    if (arg.startsWith('--') && arg !== '--force')
      return failed(`reboot: unrecognized option '${arg}'\n`)
    if (arg.startsWith('-') && arg !== '-f' && arg !== '--force')
      return failed(`reboot: invalid option -- '${arg[1] ?? ''}'\n`)
    if (!arg.startsWith('-')) return failed('reboot: Too many arguments.\n')
  }
  return rebootMachine(world)
}

/** Also when the kernel has panicked. */
export async function rebootMachine({ port }: World): Promise<Result> {
  if (port.readOnly) return failed(`bash: reboot: ${RECORDING}\n`)
  const { errno } = await port.submit({ t: 'reboot' })
  return errno === undefined ? ok('') : failed(`reboot: ${strerror(errno)}\n`)
}
