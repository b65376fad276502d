/**
 * The interface to the processes of one run: its control group or, without one, its session and its
 * descendants. Members are read again each time, so that only current members get a signal.
 */
import { errno } from '../../../shared/errno.ts'
import { signalNumber } from '../../../shared/signals.ts'
import type { ProcessStat } from './process-identity.ts'
import type { ContainmentRecord } from '../ground/run-state.ts'

export interface Containment {
  readonly record: ContainmentRecord
  /** Adds a process. Its later child processes are members too. @throws the kernel's error */
  place(pid: number): void
  /** Returns the living members. */
  members(): number[]
  isEmpty(): boolean
  /** Updates the members from a list of all processes. Control groups don't need this call. */
  follow(processes: () => readonly ProcessStat[]): void
  /**
   * Sends SIGKILL to each member. Repeat it until {@link isEmpty}, because a member may fork
   * meanwhile.
   */
  kill(): void
  /** Returns the number of members that the kernel killed because of their memory. */
  oomKills(): number
  /** Removes the groups of the run. Returns false if they still have members. */
  remove(): boolean
}

/**
 * Sends `signal`. Returns false if there is no such process. A signal without permission counts as
 * sent.
 */
export function sendSignal(pid: number, signal: string): boolean {
  try {
    // The number is used, because Node has no names of real-time signals. requests.ts checked the
    // name.
    process.kill(pid, signalNumber(signal) ?? signal)
    return true
  } catch (error) {
    return errno(error) !== 'ESRCH'
  }
}
