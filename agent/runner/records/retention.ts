/**
 * Decides which ended runs are removed. Recent runs are kept for operators, and because a repeated
 * intent must find its run.
 */
import type { RunId } from '../../../shared/ids.ts'
import { DEFAULT_KEEP_BYTES, DEFAULT_KEEP_RUNS } from '../../../shared/run-defaults.ts'

export interface EndedRun {
  readonly run: RunId
  /** Milliseconds since the end of the run, by the monotonic clock. */
  readonly ageMs: number
  /** The number of bytes on disk. */
  readonly bytes: number
}

/** The retention settings of the host's operator. The newest runs are kept. */
export interface Keep {
  readonly runs: number
  /** The number of bytes of output of all kept runs. */
  readonly bytes: number
  /** Days since the end of a run. Absent: no limit. */
  readonly days?: number
}

export const DEFAULT_KEEP: Keep = { runs: DEFAULT_KEEP_RUNS, bytes: DEFAULT_KEEP_BYTES }

/**
 * Runs are always kept for this time, because their intent may be sent again. An intent expires
 * after five minutes, and clocks may differ by two.
 */
const REPEAT_MS = 10 * 60_000
/**
 * During this time, the configured number of runs does not apply, so that operators can read the
 * output.
 */
const RECENT_MS = 3_600_000
/** The maximum number of ended runs in that hour. A run needs some 4 KB of the runner's memory. */
const MAX_RECENT = 10_000
/**
 * The maximum number of ended runs. Above this, the runner starts no run until the oldest can be
 * removed.
 */
export const MAX_KNOWN = 20_000
const DAY_MS = 86_400_000

/** Returns the runs to remove now, oldest first. */
export function forgettable(ended: readonly EndedRun[], keep: Keep = DEFAULT_KEEP): RunId[] {
  const newestFirst = ended.toSorted((a, b) => a.ageMs - b.ageMs)
  let bytes = 0
  return newestFirst
    .filter((run, index) => {
      bytes += run.bytes
      const age = run.ageMs
      const isTooOld = keep.days !== undefined && age > keep.days * DAY_MS
      return (
        age > REPEAT_MS &&
        (index >= MAX_RECENT ||
          bytes > keep.bytes ||
          isTooOld ||
          (age > RECENT_MS && index >= keep.runs))
      )
    })
    .map(({ run }) => run)
    .reverse()
}
