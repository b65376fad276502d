/** Defines limits for the difference of two clocks, and formats the difference. */
import { formatDuration } from '../../shared/units.ts'

/** Nodes refuse certificates and intents if two clocks differ by two minutes. */
export const CLOCK_FAILURE_MS = 120_000
/** Larger than the error of a measurement over a slow network. */
export const CLOCK_WARNING_MS = 30_000

export function clockStatus(offsetMs: number): 'ok' | 'warn' | 'fail' {
  const apart = Math.abs(offsetMs)
  if (apart >= CLOCK_FAILURE_MS) return 'fail'
  return apart >= CLOCK_WARNING_MS ? 'warn' : 'ok'
}

/** `1 h ahead`, `90 s behind` */
export function clockWords(offsetMs: number): string {
  return `${formatDuration(Math.abs(offsetMs))} ${offsetMs > 0 ? 'ahead' : 'behind'}`
}
