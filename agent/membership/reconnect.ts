/**
 * The pause before a host dials its coordinators again. It is short if the host was connected
 * recently, and grows otherwise. Jitter spreads the hosts of a fleet that lost its coordinator
 * (TR-13).
 */
import { type BackoffOptions, backoffMs } from '../../shared/concurrency/backoff.ts'
import type { Random } from '../../shared/random.ts'

/**
 * With the handshake, a host is back within five seconds. A thousand hosts make 500 attempts a
 * second, each of which is one packet while nothing listens.
 */
const SOON: BackoffOptions = { baseMs: 1_000, maxMs: 4_000 }
/** At most a minute while no coordinator responds for a long time. */
const LATER: BackoffOptions = { baseMs: 500, maxMs: 60_000 }
/** Restarts, updates and reboots take less. */
export const RECENT_MS = 15 * 60_000

export interface Absence {
  /** Failed attempts since the last connection that lasted. */
  readonly failures: number
  /** The time since the last connection that lasted; undefined if there was none. */
  readonly awayMs: number | undefined
}

/** The pause before the next attempt, in ms. */
export function reconnectPauseMs(deps: { random: Random }, absence: Absence): number {
  const isRecent = absence.awayMs !== undefined && absence.awayMs < RECENT_MS
  return backoffMs(deps, isRecent ? SOON : LATER, absence.failures)
}
