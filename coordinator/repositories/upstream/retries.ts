/**
 * The retries of one file. Their number is limited. The delay is exponential back-off with full
 * jitter, or the delay that the upstream requests.
 */
import type { Clock } from '../../../shared/clock.ts'
import { backoffMs, parseRetryAfter } from '../../../shared/concurrency/backoff.ts'
import type { Random } from '../../../shared/random.ts'
import { mirrorError } from '../model/errors.ts'
import type { Answer } from './connection.ts'
import { isRetryable, MAX_RETRY_AFTER_MS, statusFailure } from './failure.ts'

const BACKOFF = { baseMs: 500, maxMs: 30_000 }

export interface RetryNotice {
  readonly file: string
  readonly reason: string
  readonly waitMs: number
}

export interface RetryOptions {
  /** For errors and notices. */
  readonly url: URL
  readonly file: string
  /** The number of retries for a failed request. */
  readonly retries: number
  readonly signal: AbortSignal
  readonly onRetry: ((notice: RetryNotice) => void) | undefined
}

export class Retries {
  readonly #deps: { readonly clock: Clock; readonly random: Random }
  readonly #options: RetryOptions
  #failures = 0

  constructor(deps: { clock: Clock; random: Random }, options: RetryOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** Forgets earlier failures, so that the next one counts as the first. */
  reset(): void {
    this.#failures = 0
  }

  /**
   * Waits until the next attempt may begin.
   * @throws `error` if another attempt can't help, mirror.busy, the signal's reason
   */
  async wait(error: unknown): Promise<void> {
    const { url, file, retries, signal, onRetry } = this.#options
    signal.throwIfAborted()
    this.#failures += 1
    if (!isRetryable(error) || this.#failures > retries) throw error
    const requestedMs = requestedWaitOf(error)
    if (requestedMs > MAX_RETRY_AFTER_MS) throw busy(url, requestedMs, error)
    const waitMs = Math.max(requestedMs, backoffMs(this.#deps, BACKOFF, this.#failures - 1))
    onRetry?.({ file, reason: error.message, waitMs })
    await this.#deps.clock.sleep(waitMs, signal)
  }
}

/** The delay that the Retry-After header of an error's response requests, in ms. */
const requestedWaits = new WeakMap<object, number>()

/** Returns the error for a response without the file. It contains the requested delay. */
export function refusal(answer: Answer, clock: Clock): Error {
  const error = statusFailure(answer.status, answer.url)
  const requestedMs = parseRetryAfter(answer.headers['retry-after'], clock.now())
  if (requestedMs !== undefined) requestedWaits.set(error, requestedMs)
  return error
}

function requestedWaitOf(error: Error): number {
  return requestedWaits.get(error) ?? 0
}

function busy(url: URL, requestedMs: number, cause: Error): Error {
  const data = {
    url: url.href,
    seconds: Math.round(requestedMs / 1000),
    most: MAX_RETRY_AFTER_MS / 1000,
  }
  return mirrorError('mirror.busy', data, { cause })
}
