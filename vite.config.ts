import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { engineOfSources } from './server/engine.ts'
import { LongFirst } from './test/helpers/longFirst.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig(({ mode }) => ({
  root: mode === 'test' ? at('.') : at('client'),
  plugins: [vue(), tailwindcss()],
  define: { OOMROOM_ENGINE: JSON.stringify(engineOfSources()) },
  resolve: { alias: { '@shared': at('shared') } },
  worker: { format: 'es' },
  build: {
    outDir: at('dist/client'),
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 1200,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  test: {
    reporters: ['default', at('test/helpers/tally.ts')],
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/client/**', 'test/e2e/**', 'test/server/**', 'test/sim/**'],
          environment: 'node',
          isolate: false, // nothing of ours keeps anything in a module: the sources are read once for all files
          experimental: { viteModuleRunner: false, nodeLoader: false },
          execArgv: ['--import', 'tsx'],
          testTimeout: 60_000,
        },
      },
      {
        // Long ones are faster in a process of their own: what another file has done to the code's types slows them down.
        extends: true,
        test: {
          name: 'sim',
          include: ['test/sim/**/*.test.ts'],
          environment: 'node',
          // Node's own modules, since vitest's look up each import anew at each use.
          experimental: { viteModuleRunner: false, nodeLoader: false },
          execArgv: ['--import', 'tsx'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'client',
          include: ['test/client/**/*.test.ts'],
          environment: 'happy-dom',
          testTimeout: 60_000,
        },
      },
      {
        // `npm start` builds anew what servers and browsers of the second group have open.
        extends: true,
        test: {
          name: 'start',
          include: ['test/e2e/start.e2e.ts'],
          environment: 'node',
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Here and with browsers much of the time is waiting: a third worker has something to do.
        extends: true,
        test: {
          name: 'server',
          include: ['test/server/**/*.test.ts'],
          globalSetup: at('test/helpers/build.ts'),
          environment: 'node',
          testTimeout: 60_000,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Real servers and real browsers.
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.ts'],
          exclude: ['test/e2e/start.e2e.ts'],
          environment: 'node',
          testTimeout: 120_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 15_000 } },
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
}))
