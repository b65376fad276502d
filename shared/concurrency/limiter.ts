/**
 * A token bucket, which gives at most `burst` tokens at once and `perSecond` on average. It limits
 * the requests of a peer (tryTake), and our rate of sending or fetching (take). Waiters are served
 * in order. The caller must limit their number, because each uses memory.
 */
import type { Clock } from '../clock.ts'
import { abortable } from '../interrupt.ts'

export interface LimiterOptions {
  /** The number of tokens in a full bucket. */
  readonly burst: number
  /** The number of new tokens in each second. */
  readonly perSecond: number
}

export interface Limiter {
  /**
   * Takes `tokens` if they are available and there are no waiters. Returns whether it took them.
   * For quotas that reject requests instead of queueing them.
   */
  tryTake(tokens?: number): boolean
  /**
   * Resolves after `tokens` were taken. More than `burst` is allowed. Then the bucket goes into
   * debt, and the next caller waits longer.
   */
  take(tokens?: number, signal?: AbortSignal): Promise<void>
  /** Returns the milliseconds until `tokens` are available if no other caller takes any. */
  waitMs(tokens?: number): number
}

/** Creates a full bucket. */
export function createLimiter(deps: { clock: Clock }, options: LimiterOptions): Limiter {
  return new TokenBucket(deps.clock, options)
}

class TokenBucket implements Limiter {
  readonly #clock: Clock
  readonly #options: LimiterOptions
  #level: number
  #filledAt: number
  /**
   * The last waiter. Each waits for the one before, so that small requests can't overtake a large
   * one.
   */
  #tail: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(clock: Clock, options: LimiterOptions) {
    this.#clock = clock
    this.#options = options
    this.#level = options.burst
    this.#filledAt = clock.monotonic()
  }

  waitMs(tokens = 1): number {
    this.#refill()
    // A full bucket allows a request above the burst. The rest becomes debt.
    const needed = Math.min(tokens, this.#options.burst)
    return Math.max(0, ((needed - this.#level) / this.#options.perSecond) * 1000)
  }

  tryTake(tokens = 1): boolean {
    if (this.#waiting > 0 || this.waitMs(tokens) > 0) return false
    this.#level -= tokens
    return true
  }

  take(tokens = 1, signal?: AbortSignal): Promise<void> {
    this.#waiting += 1
    const taken = this.#tail.then(() => this.#takeNext(tokens, signal))
    // An aborted waiter must not stop the later ones.
    this.#tail = taken.then(
      () => undefined,
      () => undefined,
    )
    // An aborting waiter leaves at once, even with others in front.
    return abortable(taken, signal).finally(() => {
      this.#waiting -= 1
    })
  }

  async #takeNext(tokens: number, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted()
      const ms = this.waitMs(tokens)
      if (ms === 0) break
      // Timers may fire slightly early, so the loop checks again.
      await this.#clock.sleep(Math.max(1, Math.ceil(ms)), signal)
    }
    this.#level -= tokens
  }

  #refill(): void {
    const { burst, perSecond } = this.#options
    const now = this.#clock.monotonic()
    this.#level = Math.min(burst, this.#level + ((now - this.#filledAt) / 1000) * perSecond)
    this.#filledAt = now
  }
}
