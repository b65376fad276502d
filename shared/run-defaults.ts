/** Defaults of a run, shared by the command line and the runner. */

/** Output kept for each run: enough to read, and a hundred runs still fit on a disk. */
export const DEFAULT_OUTPUT_BYTES = 64 * 1024 * 1024
/** Time between the stop signal and SIGKILL. */
export const DEFAULT_GRACE_MS = 10_000

/** Ended runs that a host keeps: still readable as a list, and few enough files for one folder. */
export const DEFAULT_KEEP_RUNS = 1000
/** The total of their output, so that runs don't fill a host's disk. */
export const DEFAULT_KEEP_BYTES = 4 * 1024 * 1024 * 1024
