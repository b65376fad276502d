/** Computes from the limit of file descriptors how many runs may live at once. */
import { readFileSync } from 'node:fs'

/** The maximum, because a list of more runs is not useful. */
const MAX_LIVE_RUNS = 1024
/** The descriptors of a run: two pipes, two open segments, and two for a launch or a read. */
const DESCRIPTORS_PER_RUN = 6
/** The descriptors of the runner, and one for each of 256 connections. */
const RESERVED_DESCRIPTORS = 320

/**
 * Returns at least 1.
 * @param limits the text of /proc/self/limits (proc_pid_limits(5))
 */
export function liveRunLimit(limits: string = readFileSync('/proc/self/limits', 'utf8')): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  // The limit is `unlimited` or has an unknown format. The kernel may then refuse a start.
  if (soft === undefined) return MAX_LIVE_RUNS
  return Math.max(
    1,
    Math.min(
      MAX_LIVE_RUNS,
      Math.floor((Number(soft) - RESERVED_DESCRIPTORS) / DESCRIPTORS_PER_RUN),
    ),
  )
}
