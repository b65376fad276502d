/** The number of runs that may live at once, from the limit of file descriptors. */
import { readFileSync } from 'node:fs'

/** A list of more runs is not useful. */
const MAX_LIVE_RUNS = 1024
/** Two pipes, two open segments, and two for a launch or a read. */
const DESCRIPTORS_PER_RUN = 6
/** Those of the runner, and one for each of 256 connections. */
const RESERVED_DESCRIPTORS = 320

/**
 * At least 1.
 * @param limits the text of /proc/self/limits (proc_pid_limits(5))
 */
export function liveRunLimit(limits: string = readFileSync('/proc/self/limits', 'utf8')): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  // `unlimited`, or an unknown format. Then the kernel refuses a start.
  if (soft === undefined) return MAX_LIVE_RUNS
  return Math.max(
    1,
    Math.min(
      MAX_LIVE_RUNS,
      Math.floor((Number(soft) - RESERVED_DESCRIPTORS) / DESCRIPTORS_PER_RUN),
    ),
  )
}
