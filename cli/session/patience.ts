/**
 * Goes on after a lost connection: to the coordinator, which may be starting again, or from it to a
 * host. Only failures that pass are waited for, and not for ever.
 */
import { wireError } from '../../protocols/wire/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'

/**
 * An agent or a coordinator that is started again is back within this. A host that reboots is not,
 * and has lost its runs then.
 */
export const PATIENCE_MS = 60_000
/** Between two attempts: each may open a session. */
const AGAIN_MS = 1_000

/** Codes beside `unreachable` that a coordinator answers with while it starts or ends. */
const passes = (error: unknown): boolean =>
  wireError.is(error, 'protocol.unsupported', 'protocol.busy')

export function mayPass(error: unknown): error is MusterError {
  return error instanceof MusterError && (error.exit === 'unreachable' || passes(error))
}

export interface PatienceOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Time without any success after which it gives up; Infinity: never. */
  readonly patienceMs?: number
  /** A number that grows with what was done: progress renews the patience. */
  readonly progress: () => number
  /** Called once for each spell of waiting. */
  readonly waiting: (error: MusterError) => Promise<void>
  /** The error of a spell that was too long. */
  readonly givenUp: (error: MusterError, waitedMs: number) => MusterError
}

/** Calls `attempt` until it resolves, fails for good, or the patience is used up. */
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
