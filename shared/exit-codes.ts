/**
 * Defines the exit codes of `muster`, which docs/CLI.md documents. Later versions may add codes.
 * Callers treat an unknown code as a failure.
 */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  partly: 3,
  denied: 4,
  notFound: 5,
  conflict: 6,
  unreachable: 7,
  pending: 8,
  verification: 9,
  upstreamChanged: 100,
  /** The reader of our output closed it (128 + SIGPIPE, as a shell reports it). */
  outputClosed: 141,
  /** `muster run`: a failure of Muster itself, distinct from the remote program's exit code. */
  ownFailure: 125,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitName = keyof typeof EXIT
