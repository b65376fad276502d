/** Defaults of a run that the command line states and the runner keeps to. */

/** Output kept of one run: enough for any log that a person reads, small enough for a disk with a hundred runs. */
export const DEFAULT_OUTPUT_BYTES = 64 * 1024 * 1024
/** Time between the polite signal and SIGKILL. */
export const DEFAULT_GRACE_MS = 10_000
