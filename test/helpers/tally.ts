// A reporter whose one line ends every test run: `N passed, N failed`.

import type { Reporter, TestModule } from 'vitest/node'

export default class Tally implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0
    let failed = errors.length
    for (const module of modules) {
      let broken = 0
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed++
        if (test.result().state === 'failed') broken++
      }
      // A file that did not even load has failed without having had a test.
      if (broken === 0 && module.state() === 'failed') broken = 1
      failed += broken
    }
    process.on('exit', () => console.log(`${passed} passed, ${failed} failed`))
  }
}
