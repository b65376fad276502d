/**
 * The identity of a process: boot id, pid and start time. Another process can get the same pid
 * later. So the runner reads all three again before each signal to a process that is not its child.
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
  /** The PF_* flags of the kernel. */
  readonly flags: number
  /** The wait status of a process that is ending, as from waitpid(2). 0 without permission. */
  readonly waitStatus: number
}

/** Returns the boot id, which changes at every boot of the kernel. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** Returns the fields of a process, or undefined if there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  let line: string
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  return parseStat(line)
}

/** Parses a line of proc_pid_stat(5). */
export function parseStat(line: string): ProcessStat {
  // The name may contain blanks and parentheses, so the fields are counted after the last
  // parenthesis.
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

/** Returns false for a zombie, which has ended. */
export function lives(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X'
}

/** Returns true if exactly this process lives: same boot, same pid, same start time. */
export function isAlive(identity: ProcessIdentity, bootId: string): boolean {
  const stat = readStat(identity.pid)
  return identity.bootId === bootId && lives(stat) && stat.startTime === identity.startTime
}

/** A clock tick of proc_pid_stat(5): USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10

/**
 * Computes the age of a process from the age of this process (`clock.monotonic()`). The uptime is
 * not used, because it may differ in a container.
 */
export function lifeMs(identity: Pick<ProcessIdentity, 'startTime'>, ownLifeMs: number): number {
  const own = Number(readStat(process.pid)?.startTime)
  return (own - Number(identity.startTime)) * TICK_MS + ownLifeMs
}

/** Returns all living processes that this user may see. */
export function allProcesses(): ProcessStat[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map((name) => readStat(Number(name))).filter(lives)
}
