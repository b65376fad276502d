/**
 * Which ended runs are forgotten. Recent ones stay: somebody is about to look at them, and an order
 * that is sent again must find its run.
 */
import type { RunId } from '../../../shared/ids.ts'
import { DEFAULT_KEEP_BYTES, DEFAULT_KEEP_RUNS } from '../../../shared/run-defaults.ts'

export interface EndedRun {
  readonly run: RunId
  /** Since its end, by a clock that never steps. */
  readonly ageMs: number
  /** On disk. */
  readonly bytes: number
}

/** What the operator of a host wants kept of ended runs; the newest stay. */
export interface Keep {
  readonly runs: number
  /** Of their output, together. */
  readonly bytes: number
  /** Whole days since their end. Absent: however old. */
  readonly days?: number
}

export const DEFAULT_KEEP: Keep = { runs: DEFAULT_KEEP_RUNS, bytes: DEFAULT_KEEP_BYTES }

/**
 * Whatever is wanted: an order expires after five minutes, clocks differ by two, and until then it
 * may be sent again.
 */
const REPEAT_MS = 10 * 60_000
/** Whatever number is wanted: time to look at what has just happened. */
const LOOK_MS = 3_600_000
/** Of runs within that hour. A run costs the runner some 4 KB of its memory, and its folder. */
const MAX_RECENT = 10_000
/**
 * Ended runs that a runner knows at most; beyond it it starts none until the oldest may go. Well
 * within its 128 MiB.
 */
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
          (age > LOOK_MS && index >= keep.runs))
      )
    })
    .map(({ run }) => run)
    .reverse()
}
