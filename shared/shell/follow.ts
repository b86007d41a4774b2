// Watching what happens on the machine from a shell, entry after entry. The replica may become another one meanwhile,
// by a snapshot or a reboot.

import type { Machine } from '../state/machine.ts'
import { takeEvents, unwatch, watch, type Watcher } from '../trace/trace.ts'
import type { TraceEvent, TraceName } from '../trace/events.ts'
import type { MachinePort } from './port.ts'

/**
 * Hands over the events of these names after each entry; `lost`: there were more of them than are kept. Returns the way
 * to stop.
 */
export function followEvents(
  port: MachinePort,
  names: readonly TraceName[],
  take: (events: TraceEvent[], machine: Machine, lost: boolean) => void,
): () => void {
  let watcher: Watcher = watch(port.room().machine.trace, names)
  const stop = port.onApplied(() => {
    const { machine } = port.room()
    if (watcher.trace !== machine.trace) {
      unwatch(watcher)
      watcher = watch(machine.trace, names)
    }
    const events = takeEvents(watcher)
    const { lost } = watcher
    watcher.lost = false
    if (events.length > 0 || lost) take(events, machine, lost)
  })
  return () => {
    stop()
    unwatch(watcher)
  }
}
