/**
 * Lets callers share one run of a job. A caller never gets the result of a run that began before
 * its call, so callers that arrive during a run share the next one.
 */
import type { Lane } from './lanes.ts'

/** @throws queue.full of the lane, or the error of the job */
export function shareRuns<T>(lane: Lane, job: () => Promise<T>): () => Promise<T> {
  // Owned by the returned function: the run that waits for its turn.
  let waiting: Promise<T> | undefined
  const start = (): Promise<T> => {
    const run = lane.run(() => {
      waiting = undefined
      return job()
    })
    // The lane may reject a run before it begins.
    run.catch(() => {
      if (waiting === run) waiting = undefined
    })
    return run
  }
  return () => (waiting ??= start())
}
