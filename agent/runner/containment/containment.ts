/**
 * The processes of one run: its control group, or its session and its descendants without one.
 * Members are read again each time, so only current members are signalled.
 */
import { errno } from '../../../shared/errno.ts'
import { signalNumber } from '../../../shared/signals.ts'
import type { ProcessStat } from './process-identity.ts'
import type { ContainmentRecord } from '../ground/run-state.ts'

export interface Containment {
  readonly record: ContainmentRecord
  /** Adds a process and all that it starts. @throws the kernel's error */
  place(pid: number): void
  /** The living members. */
  members(): number[]
  isEmpty(): boolean
  /** Updates the members from a list of all processes. Control groups don't need it. */
  follow(processes: () => readonly ProcessStat[]): void
  /** Sends SIGKILL to each member. Repeat it until {@link isEmpty}, because a fork may escape. */
  kill(): void
  /** The number of members that the kernel killed for their memory. */
  oomKills(): number
  /** Removes the groups of the run. False if they still have members. */
  remove(): boolean
}

/**
 * Sends `signal`; false if there is no such process. A signal without permission counts as sent.
 */
export function sendSignal(pid: number, signal: string): boolean {
  try {
    // By number, because Node doesn't know the names of real-time signals. requests.ts checked
    // them.
    process.kill(pid, signalNumber(signal) ?? signal)
    return true
  } catch (error) {
    return errno(error) !== 'ESRCH'
  }
}
