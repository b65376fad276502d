/**
 * Shows the progress of long work on stderr. A terminal gets redrawn lines, other outputs get one
 * line every ten seconds, and -o json gets JSON lines. The cursor is restored even if the program
 * fails.
 */
import type { Clock } from '../../shared/clock.ts'
import { openDisplay, type ProgressMode } from './progress-display.ts'
import type { ProgressState } from './progress-text.ts'
import { printable, type Sink } from './sink.ts'

export interface ProgressOptions {
  /** The subject of the work, such as the repository's name. */
  readonly what: string
  /** The unit of `count` and `of`, such as `files`. */
  readonly unit: string
}

export interface Progress {
  state(now: ProgressState): void
  /** Prints a line above the progress. */
  log(line: string): void
  /** Removes the progress and prints a last line. Idempotent. */
  stop(last?: string): void
}

/** The rate halves the weight of older measurements in this time. */
const RATE_HALF_LIFE_MS = 3_000
/** The minimum time between two measurements. With a shorter one the rate would vary too much. */
const MEASURE_MS = 500

export function createProgress(
  deps: { clock: Clock; sink: Sink },
  options: ProgressOptions & { mode: ProgressMode },
): Progress {
  const display = openDisplay(deps.sink, options)
  const rate = createRate(deps.clock)
  let state: ProgressState = { phase: '', count: 0, of: 0, bytes: 0, total: 0 }
  let stopped = false
  const show = (): void => display.show(state, rate.measure(state.bytes))
  const stopTicking =
    display.everyMs === undefined ? undefined : deps.clock.every(display.everyMs, show)
  return {
    state(now) {
      state = { ...now, phase: printable(now.phase) }
    },
    log(line) {
      if (stopped) return
      display.log(line)
      if (display.redraws) show()
    },
    stop(last) {
      if (stopped) return
      stopped = true
      stopTicking?.()
      display.end(last)
    },
  }
}

/** Returns the smoothed rate in bytes per second. */
function createRate(clock: Clock): { measure(bytes: number): number } {
  let rate = 0
  let first = true
  let last = { at: clock.monotonic(), bytes: 0 }
  return {
    measure(bytes) {
      const now = clock.monotonic()
      const elapsed = now - last.at
      if (elapsed < MEASURE_MS) return rate
      const weight = first ? 0 : 0.5 ** (elapsed / RATE_HALF_LIFE_MS)
      // The count becomes smaller if a file is fetched again.
      const moved = Math.max(0, bytes - last.bytes)
      rate = rate * weight + (moved / elapsed) * 1000 * (1 - weight)
      if (moved > 0) first = false
      last = { at: now, bytes }
      return rate
    },
  }
}
