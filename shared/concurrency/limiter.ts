/**
 * A token bucket: at most `burst` at once and `perSecond` on average. Limits the requests of a peer
 * (tryTake) and our rate of sending or fetching (take). Waiters are served in order. The caller
 * limits their number, which limits the memory.
 */
import type { Clock } from '../clock.ts'
import { abortable } from '../interrupt.ts'

export interface LimiterOptions {
  /** Tokens in a full bucket. */
  readonly burst: number
  /** Tokens refilled per second. */
  readonly perSecond: number
}

export interface Limiter {
  /**
   * Takes `tokens` if they are available and there are no waiters; returns whether it did. For
   * quotas that reject instead of queueing.
   */
  tryTake(tokens?: number): boolean
  /**
   * Resolves once `tokens` are taken. More than `burst` is allowed: the bucket goes into debt and
   * the next taker waits longer.
   */
  take(tokens?: number, signal?: AbortSignal): Promise<void>
  /** Milliseconds until `tokens` are available, without other takers. */
  waitMs(tokens?: number): number
}

/** A bucket that starts full. */
export function createLimiter(deps: { clock: Clock }, options: LimiterOptions): Limiter {
  let level = options.burst
  let filledAt = deps.clock.monotonic()
  // The tail of the waiters. Each waits for the one before it, so small requests can't overtake a
  // large one forever.
  let tail: Promise<void> = Promise.resolve()
  let waiting = 0

  const refill = (): void => {
    const now = deps.clock.monotonic()
    level = Math.min(options.burst, level + ((now - filledAt) / 1000) * options.perSecond)
    filledAt = now
  }
  /** A full bucket allows a request above the burst; the rest becomes debt. */
  const needed = (tokens: number): number => Math.min(tokens, options.burst)
  const waitMs = (tokens = 1): number => {
    refill()
    return Math.max(0, ((needed(tokens) - level) / options.perSecond) * 1000)
  }

  const takeInTurn = async (tokens: number, signal: AbortSignal | undefined): Promise<void> => {
    for (;;) {
      signal?.throwIfAborted()
      const ms = waitMs(tokens)
      if (ms === 0) break
      // Timers may fire slightly early, so the loop checks again.
      await deps.clock.sleep(Math.max(1, Math.ceil(ms)), signal)
    }
    level -= tokens
  }

  return {
    waitMs,
    tryTake: (tokens = 1) => {
      if (waiting > 0 || waitMs(tokens) > 0) return false
      level -= tokens
      return true
    },
    take: (tokens = 1, signal) => {
      waiting += 1
      const turn = tail.then(() => takeInTurn(tokens, signal))
      // An aborted waiter must not stop the later ones.
      tail = turn.then(
        () => undefined,
        () => undefined,
      )
      // An aborting waiter leaves at once, even with others in front.
      return abortable(turn, signal).finally(() => {
        waiting -= 1
      })
    },
  }
}
