/**
 * How our child ended, also where Node can't say it: Node names no signal above 31, and then
 * reports exit code 0. The kernel shows the raw wait status from the moment when a process begins
 * to end until it is waited for. The child's output closes in that time, and libuv handles pipes
 * before children, so that is when to look.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { signalName } from '../../../shared/signals.ts'
import type { Exit } from './launch.ts'
import { parseStat } from '../containment/process-identity.ts'

/**
 * PF_EXITING of Linux's sched.h. Before that the field may hold the signal that stopped a process.
 */
const EXITING = 0x4
/** The low seven bits of a wait status (wait(2)). */
const SIGNAL_BITS = 0x7f
/** A line of proc_pid_stat(5): 52 numbers and a name. */
const buffer = Buffer.alloc(2048)

export class ExitWatch {
  #fd: number | undefined
  #status = 0

  /** Begins to watch a child of ours that hasn't been waited for. */
  constructor(pid: number) {
    try {
      // Kept open: the pid can be another process's by the time it is read, this file can't.
      this.#fd = openSync(`/proc/${pid}/stat`, 'r')
    } catch {
      // No descriptor is left: ends by real-time signals are told as Node tells them.
    }
  }

  /** Notes the wait status if the child is ending. Cheap enough for each piece of output. */
  look(): void {
    if (this.#fd === undefined) return
    try {
      const length = readSync(this.#fd, buffer, 0, buffer.length, 0)
      const { flags, waitStatus } = parseStat(buffer.toString('latin1', 0, length))
      if ((flags & EXITING) !== 0) this.#status = waitStatus
    } catch {
      // It was waited for already.
    }
  }

  /** What Node said of the end, corrected by what was seen. Ends the watch. */
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
