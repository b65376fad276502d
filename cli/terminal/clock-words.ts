/** How far two clocks may be apart, and how a difference is told. */
import { formatDuration } from '../../shared/units.ts'

/** Certificates and orders allow two minutes between two clocks; beyond that they are refused. */
export const CLOCK_FAILURE_MS = 120_000
/** More than a slow network makes of two clocks that are right. */
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
