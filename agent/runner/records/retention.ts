/**
 * Decides which ended runs are removed. Recent ones are kept for their operators, and because an
 * intent that is sent again must find its run.
 */
import type { RunId } from '../../../shared/ids.ts'
import { DEFAULT_KEEP_BYTES, DEFAULT_KEEP_RUNS } from '../../../shared/run-defaults.ts'

export interface EndedRun {
  readonly run: RunId
  /** The time since its end, by the monotonic clock. */
  readonly ageMs: number
  /** Bytes on disk. */
  readonly bytes: number
}

/** The ended runs that the operator of a host wants to keep. The newest stay. */
export interface Keep {
  readonly runs: number
  /** Bytes of output of all of them. */
  readonly bytes: number
  /** Days since their end. Absent: no limit. */
  readonly days?: number
}

export const DEFAULT_KEEP: Keep = { runs: DEFAULT_KEEP_RUNS, bytes: DEFAULT_KEEP_BYTES }

/**
 * Runs are always kept for so long, because their intent may be sent again: it expires after five
 * minutes, and clocks differ by two.
 */
const REPEAT_MS = 10 * 60_000
/** The number of runs is not limited for so long, so that operators can read their output. */
const RECENT_MS = 3_600_000
/** Runs of that hour. A run needs some 4 KB of the runner's memory. */
const MAX_RECENT = 10_000
/** Ended runs of a runner. With more, it starts no runs until the oldest can be removed. */
export const MAX_KNOWN = 20_000
const DAY_MS = 86_400_000

/** The runs to remove now, oldest first. */
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
