/**
 * Finds the exit status of a child that a signal above 31 ended. Node reports exit code 0 for such
 * a signal. While the child ends, before wait(2), /proc shows its wait status. The child's output
 * closes in that time, and libuv handles pipes before children, so the status is read then.
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
      // The file stays open, because the pid may belong to another process later.
      this.#fd = openSync(`/proc/${pid}/stat`, 'r')
    } catch {
      // If no descriptor is free, the exit is the one that Node reports.
    }
  }

  /** Records the wait status if the child is ending. Called for each chunk of output. */
  check(): void {
    if (this.#fd === undefined) return
    try {
      const length = readSync(this.#fd, buffer, 0, buffer.length, 0)
      const { flags, waitStatus } = parseStat(buffer.toString('latin1', 0, length))
      if ((flags & EXITING) !== 0) this.#status = waitStatus
    } catch {
      // wait(2) was called already.
    }
  }

  /** Ends the watch. Returns the exit that Node reported, corrected by the wait status. */
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
