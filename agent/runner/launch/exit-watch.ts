/**
 * The exit status of a child, also for signals above 31, for which Node reports exit code 0. /proc
 * shows the wait status from the beginning of the end until wait(2). The output of the child closes
 * in that time, and libuv handles pipes before children, so the status is read then.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { signalName } from '../../../shared/signals.ts'
import type { Exit } from './launch.ts'
import { parseStat } from '../containment/process-identity.ts'

/** PF_EXITING of Linux's sched.h. Before it, the field may contain the signal of a stop. */
const EXITING = 0x4
/** The low seven bits of a wait status (wait(2)). */
const SIGNAL_BITS = 0x7f
/** A line of proc_pid_stat(5): 52 numbers and a name. */
const buffer = Buffer.alloc(2048)

export class ExitWatch {
  #fd: number | undefined
  #status = 0

  /** Watches a child before wait(2). */
  constructor(pid: number) {
    try {
      // Kept open, because the pid may belong to another process later.
      this.#fd = openSync(`/proc/${pid}/stat`, 'r')
    } catch {
      // Without a free descriptor, ends by real-time signals are as Node reports them.
    }
  }

  /** Records the wait status if the child is ending. It is called for each chunk of output. */
  check(): void {
    if (this.#fd === undefined) return
    try {
      const length = readSync(this.#fd, buffer, 0, buffer.length, 0)
      const { flags, waitStatus } = parseStat(buffer.toString('latin1', 0, length))
      if ((flags & EXITING) !== 0) this.#status = waitStatus
    } catch {
      // After wait(2).
    }
  }

  /** The exit as Node reports it, corrected by the wait status. Ends the watch. */
  correct(exit: Exit): Exit {
    this.close()
    const signal = this.#status & SIGNAL_BITS
    if (exit.code !== 0 || exit.signal !== null || signal === 0) return exit
    return { code: null, signal: signalName(signal) }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}
