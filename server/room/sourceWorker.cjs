// Starts worker.ts from its source. A thread does not inherit the loader that reads TypeScript; the build has no need
// of this file.

void import('tsx/esm/api').then(({ register }) => {
  register()
  return import('./worker.ts')
})
