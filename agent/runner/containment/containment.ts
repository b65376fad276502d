/**
 * What holds the processes of one run together: a control group where there is one, else its
 * session and what descends from it. Members are asked for anew each time; nothing is signalled
 * that wasn't a member at that moment.
 */
import { signalNumber } from '../../../shared/signals.ts'
import type { ProcessStat } from './process-identity.ts'
import type { ContainmentRecord } from '../ground/run-state.ts'

export interface Containment {
  readonly record: ContainmentRecord
  /** Puts a process, and whatever it starts from now on, inside. Throws what the kernel says. */
  place(pid: number): void
  /** Living processes inside. */
  members(): number[]
  isEmpty(): boolean
  /**
   * Notes who is inside, from a listing of the machine's processes. Only where nothing better
   * knows: those are lost from sight between two looks.
   */
  follow(processes: () => readonly ProcessStat[]): void
  /**
   * SIGKILLs every member once. Repeat until {@link isEmpty}: a process that was just being forked
   * may have escaped.
   */
  kill(): void
  /** How often the kernel killed a member because memory ran out. */
  oomKills(): number
  /** Removes what was made for the run. False while something still lives in it. */
  remove(): boolean
}

/**
 * Sends `signal` and tells whether there was such a process. Signals that we may not send count as
 * sent: the caller waits for the effect.
 */
export function sendSignal(pid: number, signal: string): boolean {
  try {
    // By number: Node knows no names of real-time signals. Names were checked where they came in
    // (requests.ts).
    process.kill(pid, signalNumber(signal) ?? signal)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
