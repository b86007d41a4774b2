// The order of test files: long ones first, so that no worker is left alone with one at the end. On a fresh clone
// vitest knows no times, and sorts by size.

import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Seconds on two cores, of those that take more than ten. */
const SECONDS: Record<string, number> = {
  'sim/machine.sim': 40,
  'server/crash': 45,
  'server/bots': 45,
  'e2e/comingBack': 45,
  'server/trace/malloc': 40,
  'server/net': 39,
  'e2e/seats': 36,
  'server/fuzz': 34,
  'e2e/room': 34,
  'sim/golden.sim': 33,
  'sim/oomRuns.sim': 33,
  'e2e/access': 31,
  'e2e/views': 31,
  'server/cli': 27,
  'sim/reclaim.sim': 25,
  'sim/sameContents.sim': 22,
  'server/trace/mm': 20,
  'server/seats': 18,
  'server/edge': 18,
  'shared/room/player': 16,
  'server/runner': 15,
  'sim/malloc.sim': 15,
  'server/guessing': 12,
  'server/hostOptions': 12,
}

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = (file: TestSpecification) =>
      SECONDS[relative('test', file.moduleId).replace(/\.(test|e2e)\.ts$/, '')] ?? 0
    const group = ({ project }: TestSpecification) => project.config.sequence.groupOrder
    // Those that share a process have to stand together.
    const shared = ({ project }: TestSpecification) => (project.config.isolate ? 0 : 1)
    return (await super.sort(files)).sort(
      (a, b) => group(a) - group(b) || shared(a) - shared(b) || seconds(b) - seconds(a),
    )
  }
}
