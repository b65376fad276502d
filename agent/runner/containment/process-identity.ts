/**
 * The identity of a process: boot id, pid and start time. A pid alone can belong to another process
 * later, so they are read again before each signal to a process that is not a child.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessIdentity } from '../ground/run-state.ts'

/** Fields of /proc/PID/stat (proc_pid_stat(5)). */
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
  /** As from waitpid(2), for a process that is ending. 0 without permission. */
  readonly waitStatus: number
}

/** Changes at every boot of the kernel. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** Undefined if there is no such process. */
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
  // The name may contain blanks and parentheses, so fields count from the last parenthesis.
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

/** False for a zombie, which has ended. */
export function lives(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X'
}

/** True if exactly this process lives: same boot, same pid, same start time. */
export function isAlive(identity: ProcessIdentity, bootId: string): boolean {
  const stat = readStat(identity.pid)
  return identity.bootId === bootId && lives(stat) && stat.startTime === identity.startTime
}

/** A clock tick of proc_pid_stat(5): USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10

/**
 * The age of a process, computed from the age of this process (`clock.monotonic()`). It doesn't use
 * the uptime, which may differ in a container.
 */
export function lifeMs(identity: Pick<ProcessIdentity, 'startTime'>, ownLifeMs: number): number {
  const own = Number(readStat(process.pid)?.startTime)
  return (own - Number(identity.startTime)) * TICK_MS + ownLifeMs
}

/** All living processes that this user may see. */
export function allProcesses(): ProcessStat[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map((name) => readStat(Number(name))).filter(lives)
}
