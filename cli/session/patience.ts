/**
 * Retries after a lost connection, to the coordinator or from it to a host. Only temporary failures
 * are retried, for a limited time.
 */
import { wireError } from '../../protocols/wire/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'

/**
 * An agent or a coordinator restarts within this time. A rebooting host needs longer, but its runs
 * are lost anyway.
 */
export const PATIENCE_MS = 60_000
/** Time between two attempts, because each may open a session. */
const AGAIN_MS = 1_000

/** A coordinator may also send these codes while it starts or ends. */
const isTemporary = (error: unknown): boolean =>
  wireError.is(error, 'protocol.unsupported', 'protocol.busy')

export function mayPass(error: unknown): error is MusterError {
  return error instanceof MusterError && (error.exit === 'unreachable' || isTemporary(error))
}

export interface PatienceOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Limit of the time without success. Infinity: no limit. */
  readonly patienceMs?: number
  /** A number that grows with the work done. Progress restarts the time limit. */
  readonly progress: () => number
  /** Called once for each period without success. */
  readonly waiting: (error: MusterError) => Promise<void>
  /** The error after the time limit. */
  readonly givenUp: (error: MusterError, waitedMs: number) => MusterError
}

/** Calls `attempt` until it resolves, fails permanently, or the time limit is reached. */
export async function withPatience<T>(
  options: PatienceOptions,
  attempt: (number: number) => Promise<T>,
): Promise<T> {
  const { clock, signal, patienceMs = PATIENCE_MS } = options
  let done = options.progress()
  let since: number | undefined
  for (let number = 1; ; number += 1) {
    try {
      return await attempt(number)
    } catch (error) {
      signal.throwIfAborted()
      if (!mayPass(error)) throw error
      if (options.progress() > done) since = undefined
      done = options.progress()
      if (since === undefined) {
        since = clock.monotonic()
        await options.waiting(error)
      }
      const waited = clock.monotonic() - since
      if (waited >= patienceMs) throw options.givenUp(error, waited)
      await clock.sleep(AGAIN_MS, signal)
    }
  }
}
