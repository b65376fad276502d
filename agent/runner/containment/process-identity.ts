/**
 * Who a process is. A pid alone names whoever has it now; boot id, pid and start time together name
 * one process for good, so they are read again before every signal to a process that isn't our
 * child.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessIdentity } from '../ground/run-state.ts'

/** One line of /proc/PID/stat, as far as it is needed (proc_pid_stat(5)). */
export interface ProcessStat {
  readonly pid: number
  /** R, S, D, T, Z, X … */
  readonly state: string
  readonly parent: number
  readonly group: number
  readonly session: number
  readonly startTime: string
  /** PF_* of the kernel. */
  readonly flags: number
  /** As waitpid(2) gives it, for a process that is ending; 0 where we may not see it. */
  readonly waitStatus: number
}

/** Changes at every boot of the kernel. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** Undefined when there is no such process (any more). */
export function readStat(pid: number): ProcessStat | undefined {
  let line: string
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  return parseStat(line)
}

/** The fields of a line of proc_pid_stat(5). */
export function parseStat(line: string): ProcessStat {
  // The name in parentheses may hold anything, blanks and parentheses too: fields count from the
  // last one.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const field = (number: number): string => fields[number - 3] ?? ''
  return {
    pid: Number.parseInt(line, 10),
    state: field(3),
    parent: Number(field(4)),
    group: Number(field(5)),
    session: Number(field(6)),
    startTime: field(22),
    flags: Number(field(9)),
    waitStatus: Number(field(52)),
  }
}

/** A zombie has ended: only its parent still has to look. */
export function lives(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X'
}

/** True if exactly this process lives: same boot, same pid, same start. */
export function isAlive(identity: ProcessIdentity, bootId: string): boolean {
  const stat = readStat(identity.pid)
  return identity.bootId === bootId && lives(stat) && stat.startTime === identity.startTime
}

/** A clock tick of proc_pid_stat(5): USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10

/**
 * How long a process has lived, by how long this one has (`clock.monotonic()` of the system's
 * clock). Compared with this process's own start, because a container may show another uptime than
 * the one that start times count from.
 */
export function lifeMs(identity: Pick<ProcessIdentity, 'startTime'>, ownLifeMs: number): number {
  const own = Number(readStat(process.pid)?.startTime)
  return (own - Number(identity.startTime)) * TICK_MS + ownLifeMs
}

/** Every living process of the machine that we may see. */
export function allProcesses(): ProcessStat[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map((name) => readStat(Number(name))).filter(lives)
}
