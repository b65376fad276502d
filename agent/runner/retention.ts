/** Which ended runs are forgotten. Recent ones stay whatever they cost: somebody is about to look at them. */
import type { RunId } from '../../shared/ids.ts'

export interface EndedRun {
  readonly run: RunId
  readonly endedAt: number
  /** On disk. */
  readonly bytes: number
}

/** Also how long an order that is sent again is known to be the same one; intents expire after five minutes. */
const KEEP_AT_LEAST_MS = 3_600_000
/** A list that a person still reads, and a folder that every file system still likes. */
const KEEP_RUNS = 1000
/** Of all ended runs together: a runner doesn't fill the disk of its host. */
const KEEP_BYTES = 4 * 1024 * 1024 * 1024

/** The runs to remove now: oldest first, beyond the number and the bytes that are kept. */
export function forgettable(ended: readonly EndedRun[], now: number): RunId[] {
  const newestFirst = ended.toSorted((a, b) => b.endedAt - a.endedAt)
  let bytes = 0
  return newestFirst
    .filter((run, index) => {
      bytes += run.bytes
      return now - run.endedAt > KEEP_AT_LEAST_MS && (index >= KEEP_RUNS || bytes > KEEP_BYTES)
    })
    .map(({ run }) => run)
    .reverse()
}
