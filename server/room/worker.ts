// The thread of one room.

import { parentPort, workerData } from 'node:worker_threads'
import { fileStore } from '../store/fileStore.ts'
import { UnreadableLog } from '../store/logStore.ts'
import {
  PULSE_APPLYING,
  PULSE_BEAT,
  type FromWorker,
  type ToWorker,
  type WorkerData,
} from './messages.ts'
import { RoomRunner } from './runner.ts'

const BEAT_MS = 500

const { dir, code, engine, voids, pulse } = workerData as WorkerData
const port = parentPort!
const emit = (message: FromWorker) => port.postMessage(message)
const store = fileStore(dir, engine).room(code)
const runner = new RoomRunner({
  store,
  emit,
  now: () => Date.now(),
  applying(seq) {
    Atomics.store(pulse, PULSE_APPLYING, seq)
    Atomics.add(pulse, PULSE_BEAT, 1)
  },
})

const beat = setInterval(() => Atomics.add(pulse, PULSE_BEAT, 1), BEAT_MS)

// Requests that come while the log is replayed wait in the port.
try {
  await runner.start(voids)
  port.on('message', (message: ToWorker) => void take(message))
} catch (error) {
  if (!(error instanceof UnreadableLog)) throw error
  emit({ t: 'unreadable', field: error.field, why: error.message })
  clearInterval(beat)
}

async function take(message: ToWorker): Promise<void> {
  switch (message.t) {
    case 'command':
    case 'join':
      return runner.request(message)
    case 'snapshot':
      return runner.snapshot(message.id)
    case 'part':
      return runner.part(message.id, message.index)
    case 'release':
      return runner.release(message.id)
    case 'report':
      return store.writeReport(message.report)
    case 'close':
      await runner.close()
      emit({ t: 'closed' })
      clearInterval(beat)
      port.close()
  }
}
