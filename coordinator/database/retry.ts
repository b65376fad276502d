/** Repeats work that PostgreSQL rolled back completely to resolve a deadlock. */
import type { Clock } from '../../shared/clock.ts'
import { rolledBackForAnother } from './failure.ts'

/** Attempts for work that the server rolled back to resolve a deadlock. */
const TRIES = 5
/** The upper limit of the pause between two attempts. */
const PAUSE_MS = 50

/** Runs `work`, which must have no effect if PostgreSQL rolls it back. */
export async function retryRolledBack<T>(
  clock: Clock,
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      if (!rolledBackForAnother(error) || tries === TRIES) throw error
      await clock.sleep((PAUSE_MS * tries) / TRIES, signal)
    }
  }
}
