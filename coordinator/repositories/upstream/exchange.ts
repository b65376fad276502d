/**
 * One request to an upstream, with a limit on the time until its last byte. Without the limit, a
 * server could send single bytes and never reach the idle timeout.
 */
import type { Clock } from '../../../shared/clock.ts'
import { mirrorError } from '../model/errors.ts'
import type { Answer, Connection } from './connection.ts'
import { requestFailure } from './failure.ts'

/** The longest delay of setTimeout: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1

export interface Exchange {
  readonly answer: Answer
  /** Returns the error to throw: the deadline's, the signal's reason, or one for the cause. */
  failure(error: unknown): unknown
  /** Closes the connection unless the body was read to its end. It must be called. */
  end(): void
}

export interface ExchangeRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly limitMs: number
  readonly signal: AbortSignal
}

/** @throws mirror.*, the signal's reason */
export async function openExchange(
  deps: { connection: Connection; clock: Clock },
  url: URL,
  request: ExchangeRequest,
): Promise<Exchange> {
  const deadline = new AbortController()
  const expire = (): void =>
    deadline.abort(
      mirrorError('mirror.slow', { url: url.href, seconds: Math.round(request.limitMs / 1000) }),
    )
  const stop = deps.clock.after(Math.min(request.limitMs, MAX_TIMER_MS), expire)
  const failure = (error: unknown, at: string): unknown => {
    if (request.signal.aborted) return request.signal.reason
    if (deadline.signal.aborted) return deadline.signal.reason
    return requestFailure(error, at)
  }
  try {
    const answer = await deps.connection.get(url, {
      headers: request.headers,
      signal: AbortSignal.any([request.signal, deadline.signal]),
    })
    return {
      answer,
      failure: (error) => failure(error, answer.url),
      end() {
        stop()
        answer.body.destroy()
      },
    }
  } catch (error) {
    stop()
    throw failure(error, url.href)
  }
}
