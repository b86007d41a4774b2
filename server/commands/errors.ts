/** The arguments make no sense: exit status 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** It could not be done, for a reason that is said in one line: exit status 1. */
export class Failure extends Error {
  override name = 'Failure'
}
