/**
 * Time. The only module that may read the ambient clock or set a timer; everything else takes a {@link Clock}, so that a
 * test decides what time it is.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch; may step when the host's clock is set. For records, never for durations. */
  now(): number
  /** Milliseconds from an arbitrary origin; never steps back. For durations and deadlines. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `run` every `ms` until the returned function is called. Does not keep the process alive. */
  every(ms: number, run: () => void): () => void
  /** Calls `run` once after `ms` unless the returned function is called first. Does not keep the process alive. */
  after(ms: number, run: () => void): () => void
  /** A signal that aborts with a TimeoutError after `ms`. */
  timeout(ms: number): AbortSignal
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason as Error)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
  every: (ms, run) => {
    const timer = setInterval(run, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  timeout: (ms) => AbortSignal.timeout(ms),
}

/** RFC 3339 in UTC with milliseconds, the form of every time that Muster stores or prints as JSON. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Milliseconds since the epoch of a time exactly as {@link rfc3339} writes it; NaN for anything else, such as the 31st of February. */
export function parseRfc3339(text: string): number {
  if (!RFC3339.test(text)) return Number.NaN
  const ms = Date.parse(text)
  // Date.parse takes days that no month has, and 24:00, for later ones.
  return !Number.isNaN(ms) && rfc3339(ms) === text ? ms : Number.NaN
}

/** The form of a time in HTTP headers (RFC 9110 section 5.6.7), whole seconds: `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString()
}
