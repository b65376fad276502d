/**
 * Reads the time and sets timers. Only this module uses the ambient clock. All other code takes a
 * {@link Clock}, so that a test controls the time.
 */
export interface Clock {
  /**
   * Returns milliseconds since the Unix epoch. The value can jump when the host's clock is set, so
   * use it for records and never for durations.
   */
  now(): number
  /**
   * Returns milliseconds since this process began. The value never decreases. Use it for durations
   * and deadlines.
   */
  monotonic(): number
  /** Resolves after `ms`. Rejects with the signal's reason if the signal aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /**
   * Calls `run` every `ms` until the returned function is called. Does not keep the process alive.
   */
  every(ms: number, run: () => void): () => void
  /**
   * Calls `run` once after `ms` unless the returned function is called first. Does not keep the
   * process alive.
   */
  after(ms: number, run: () => void): () => void
  /** Returns a signal that aborts with a TimeoutError after `ms`. */
  timeout(ms: number): AbortSignal
}

/** 2^31 - 1, the longest delay of a Node timer. A longer one fires at once. */
const MAX_TIMER_MS = 2_147_483_647

/** Chains timers until `ms` have passed. The returned function cancels them. */
function chained(
  ms: number,
  run: () => void,
  each: (timer: NodeJS.Timeout) => void = () => undefined,
): () => void {
  const due = performance.now() + ms
  let timer: NodeJS.Timeout
  const arm = (left: number): void => {
    timer = setTimeout(
      () => (left > MAX_TIMER_MS ? arm(due - performance.now()) : run()),
      Math.min(left, MAX_TIMER_MS),
    )
    each(timer)
  }
  arm(ms)
  return () => clearTimeout(timer)
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = (): void => {
        stop()
        reject(signal?.reason)
      }
      const stop = chained(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
  every: (ms, run) => {
    if (!(ms <= MAX_TIMER_MS)) throw new RangeError(`an interval of ${ms} ms is too long`)
    const timer = setInterval(run, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
  after: (ms, run) => {
    return chained(ms, run, (timer) => timer.unref())
  },
  timeout: (ms) => {
    if (ms <= MAX_TIMER_MS) return AbortSignal.timeout(ms)
    const late = new AbortController()
    systemClock.after(ms, () =>
      late.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
    )
    return late.signal
  },
}

/**
 * Formats a time as RFC 3339 in UTC with milliseconds. Muster stores all times in this form and
 * prints them as JSON.
 */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/**
 * Parses a time exactly as {@link rfc3339} writes it, and returns milliseconds since the epoch.
 * Returns NaN for any other text and for impossible dates such as February 31.
 */
export function parseRfc3339(text: string): number {
  if (!RFC3339.test(text)) return Number.NaN
  const ms = Date.parse(text)
  // Date.parse reads February 31 as March 3 and 24:00 as the next day.
  return !Number.isNaN(ms) && rfc3339(ms) === text ? ms : Number.NaN
}

/**
 * Formats a time for HTTP headers (RFC 9110 section 5.6.7) in whole seconds: `Sun, 06 Nov 1994
 * 08:49:37 GMT`.
 */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString()
}

/** Returns day and time in the time zone of this process, for people: `2026-11-30` and `12:03`. */
export function localTime(ms: number): { readonly day: string; readonly time: string } {
  const at = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  return {
    day: `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
    time: `${two(at.getHours())}:${two(at.getMinutes())}`,
  }
}
