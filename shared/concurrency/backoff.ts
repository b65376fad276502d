/**
 * Computes delays before retries: exponential with full jitter, so that many clients that failed
 * together don't retry together. Full jitter causes the least work (Brooker, "Exponential Backoff
 * and Jitter", AWS Architecture Blog 2015).
 */
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'

export interface BackoffOptions {
  /** The maximum of the first wait, in ms. */
  readonly baseMs: number
  /** The maximum of every wait, in ms. */
  readonly maxMs: number
}

/**
 * Returns the delay before attempt `attempt` + 1, in ms: uniform in [0, min(maxMs, baseMs ·
 * 2^attempt)). `attempt` counts failures from 0.
 */
export function backoffMs(
  deps: { random: Random },
  options: BackoffOptions,
  attempt: number,
): number {
  // 2^30 · 1 ms is twelve days; a larger power could become Infinity.
  const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt, 30))
  return deps.random.fraction() * ceiling
}

export interface RetryOptions extends BackoffOptions {
  /** The number of repetitions of failed work. 0 for none. */
  readonly retries: number
  /** Returns whether a retry can help after this error. */
  readonly retryable: (error: unknown) => boolean
  /**
   * Returns the delay that the peer requested (`Retry-After`), in ms. The wait has at least this
   * length, but at most {@link BackoffOptions.maxMs}.
   */
  readonly askedMs?: (error: unknown) => number | undefined
  /** Called before each wait. */
  readonly onRetry?: (error: unknown, attempt: number, waitMs: number) => void
  readonly signal?: AbortSignal
}

/**
 * Runs `work` until it succeeds or fails permanently, at most `retries` more times. Throws the last
 * error. An abort ends a wait at once and throws the signal's reason.
 */
export async function retry<T>(
  deps: { clock: Clock; random: Random },
  options: RetryOptions,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    options.signal?.throwIfAborted()
    try {
      return await work(attempt)
    } catch (error) {
      if (
        attempt >= options.retries ||
        options.signal?.aborted === true ||
        !options.retryable(error)
      )
        throw error
      const asked = Math.min(options.askedMs?.(error) ?? 0, options.maxMs)
      const waitMs = Math.max(asked, backoffMs(deps, options, attempt))
      options.onRetry?.(error, attempt + 1, waitMs)
      await deps.clock.sleep(waitMs, options.signal)
    }
  }
}

/**
 * Returns the delay of a `Retry-After` header in milliseconds (RFC 9110 section 10.2.3: seconds or
 * an HTTP date). Undefined if it is absent or malformed. A date in the past gives 0.
 */
export function parseRetryAfter(
  header: string | null | undefined,
  nowMs: number,
): number | undefined {
  if (header === null || header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  // An HTTP date begins with its weekday. Without this check Date.parse would accept much more.
  if (!/^[A-Z][a-z]{2,8}[, ]/.test(header)) return undefined
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}
