/** Defines defaults of a run, for the command line and the runner. */

/** The output that is kept for each run. The output of a hundred runs fits on a disk. */
export const DEFAULT_OUTPUT_BYTES = 64 * 1024 * 1024
/** The time between the stop signal and SIGKILL. */
export const DEFAULT_GRACE_MS = 10_000

/**
 * The number of ended runs that a host keeps. A list of them is readable, and one folder can have
 * so many files.
 */
export const DEFAULT_KEEP_RUNS = 1000
/** The limit of their total output, so that runs don't fill a host's disk. */
export const DEFAULT_KEEP_BYTES = 4 * 1024 * 1024 * 1024
