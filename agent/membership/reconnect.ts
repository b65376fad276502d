/**
 * How long a host waits before it dials its coordinators again. A host that was connected a short
 * while ago is back within seconds of the coordinator's return; one that was not waits ever longer.
 * The jitter spreads a fleet that lost its coordinator at one moment (TR-13).
 */
import { type BackoffOptions, backoffMs } from '../../shared/concurrency/backoff.ts'
import type { Random } from '../../shared/random.ts'

/**
 * With the handshake, a host is back within five seconds. A thousand hosts make 500 attempts a
 * second, each of which is one packet while nothing listens.
 */
const SOON: BackoffOptions = { baseMs: 1_000, maxMs: 4_000 }
/** A minute's pause at most while no coordinator answers for long. */
const LATER: BackoffOptions = { baseMs: 500, maxMs: 60_000 }
/** Restarts, updates and reboots take less. */
export const RECENT_MS = 15 * 60_000

export interface Absence {
  /** Attempts that failed since the last connection that lasted. */
  readonly failures: number
  /** Since the host was last connected for a while; undefined if it never was. */
  readonly awayMs: number | undefined
}

/** The pause before the next attempt, in ms. */
export function reconnectPauseMs(deps: { random: Random }, absence: Absence): number {
  const isRecent = absence.awayMs !== undefined && absence.awayMs < RECENT_MS
  return backoffMs(deps, isRecent ? SOON : LATER, absence.failures)
}
