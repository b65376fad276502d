/**
 * A token bucket: at most `burst` at once and `perSecond` on average. Bounds what a peer may ask
 * for (tryTake) and how fast we send or fetch (take). Waiters are served in the order they came;
 * memory is bounded by their number, which the caller bounds.
 */
import type { Clock } from '../clock.ts'
import { abortable } from '../interrupt.ts'

export interface LimiterOptions {
  /** Tokens that a bucket left alone holds. */
  readonly burst: number
  /** Tokens that come back each second. */
  readonly perSecond: number
}

export interface Limiter {
  /**
   * Takes `tokens` if they are there now and nobody waits; says whether it did. For quotas: refuse
   * instead of queueing.
   */
  tryTake(tokens?: number): boolean
  /**
   * Resolves once `tokens` are taken. More than `burst` is allowed: the bucket goes into debt and
   * the next taker waits longer.
   */
  take(tokens?: number, signal?: AbortSignal): Promise<void>
  /** Milliseconds until `tokens` could be taken if nobody else came. */
  waitMs(tokens?: number): number
}

/** A bucket that starts full. */
export function createLimiter(deps: { clock: Clock }, options: LimiterOptions): Limiter {
  let level = options.burst
  let filledAt = deps.clock.monotonic()
  // The tail of the waiters: each waits for the one before it, so a small request can't overtake a
  // large one for ever.
  let tail: Promise<void> = Promise.resolve()
  let waiting = 0

  const refill = (): void => {
    const now = deps.clock.monotonic()
    level = Math.min(options.burst, level + ((now - filledAt) / 1000) * options.perSecond)
    filledAt = now
  }
  /** A request above the burst is served from a full bucket; the rest becomes debt. */
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
      // Timers may fire a little early; the loop asks again.
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
      // A waiter that gave up must not stop those behind it.
      tail = turn.then(
        () => undefined,
        () => undefined,
      )
      // A waiter that aborts leaves at once, however many wait in front of it.
      return abortable(turn, signal).finally(() => {
        waiting -= 1
      })
    },
  }
}
