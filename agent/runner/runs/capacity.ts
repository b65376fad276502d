/**
 * How many runs may live at once: as many as the process has file descriptors for, and no more than
 * the host's operator would believe.
 */
import { readFileSync } from 'node:fs'

/** Beyond this the listing of a host's runs says nothing any more. */
const MAX_LIVE_RUNS = 1024
/** Two pipes, two segments being written, and two of a launch or a read in passing. */
const DESCRIPTORS_PER_RUN = 6
/** The runner's own, and one for each connection (256) that it takes. */
const RESERVED_DESCRIPTORS = 320

/** At least 1. `limits`: the text of /proc/self/limits (proc_pid_limits(5)). */
export function liveRunLimit(limits: string = readFileSync('/proc/self/limits', 'utf8')): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  // `unlimited`, or a kernel that says it otherwise: the kernel then refuses by itself, as a failed
  // start.
  if (soft === undefined) return MAX_LIVE_RUNS
  return Math.max(
    1,
    Math.min(
      MAX_LIVE_RUNS,
      Math.floor((Number(soft) - RESERVED_DESCRIPTORS) / DESCRIPTORS_PER_RUN),
    ),
  )
}
