/** Defaults of a run that the command line states and the runner keeps to. */

/**
 * Output kept of one run: enough for any log that a person reads, small enough for a disk with a
 * hundred runs.
 */
export const DEFAULT_OUTPUT_BYTES = 64 * 1024 * 1024
/** Time between the polite signal and SIGKILL. */
export const DEFAULT_GRACE_MS = 10_000

/**
 * Ended runs that a host keeps: a list that a person still reads, and a folder that every file
 * system still likes.
 */
export const DEFAULT_KEEP_RUNS = 1000
/** Of their output, together: a host's runs do not fill its disk. */
export const DEFAULT_KEEP_BYTES = 4 * 1024 * 1024 * 1024
