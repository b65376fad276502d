/**
 * Retries after the command lost the coordinator, or the coordinator lost a host. It retries only
 * temporary failures, for a limited time.
 */
import { wireError } from '../../protocols/wire/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'

/**
 * The time limit. An agent or a coordinator restarts within this time. A rebooting host needs
 * longer, but its runs are lost.
 */
export const PATIENCE_MS = 60_000
/** The time between two attempts. It limits the load, because each attempt may open a session. */
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
  /** The longest time without success. Infinity for no limit. */
  readonly patienceMs?: number
  /** Returns a number that grows with the work done. Progress restarts the time limit. */
  readonly progress: () => number
  /** Called once for each period without success. */
  readonly waiting: (error: MusterError) => Promise<void>
  /** Creates the error for a reached time limit. */
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
