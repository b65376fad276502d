/**
 * Computes the pause before a host dials its coordinators again. If the host was connected
 * recently, the pause is short. Otherwise it grows. Jitter spreads the hosts of a fleet that lost
 * its coordinator (TR-13).
 */
import { type BackoffOptions, backoffMs } from '../../shared/concurrency/backoff.ts'
import type { Random } from '../../shared/random.ts'

/**
 * After this pause and the handshake, a host is connected within five seconds. A thousand hosts
 * make 500 attempts a second. Each is one packet while no coordinator listens.
 */
const SOON: BackoffOptions = { baseMs: 1_000, maxMs: 4_000 }
/** The pause is at most a minute, for a coordinator that does not respond for a long time. */
const LATER: BackoffOptions = { baseMs: 500, maxMs: 60_000 }
/** Restarts, updates and reboots take less time than this. */
export const RECENT_MS = 15 * 60_000

export interface Absence {
  /** Failed attempts since the last connection that lasted. */
  readonly failures: number
  /** The time since the last connection that lasted, or undefined if there was none. */
  readonly awayMs: number | undefined
}

/** Returns the pause before the next attempt in milliseconds. */
export function reconnectPauseMs(deps: { random: Random }, absence: Absence): number {
  const isRecent = absence.awayMs !== undefined && absence.awayMs < RECENT_MS
  return backoffMs(deps, isRecent ? SOON : LATER, absence.failures)
}
