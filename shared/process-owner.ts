/**
 * Identifies the process that created a temporary file or folder, so that another process can check
 * whether it still runs. Boot id, pid namespace, pid and start time together identify one process
 * (proc_pid_stat(5)).
 */
import { errno } from './errno.ts'
import { readFileSync, readlinkSync } from 'node:fs'

/**
 * Returns `3f0c1e6a.4026531836.4711.98765`: boot, pid namespace, pid, start time. Undefined without
 * /proc.
 */
export function ownProcess(): string | undefined {
  const place = ownPlace()
  const own = look(process.pid)
  return place === undefined || typeof own === 'string'
    ? undefined
    : `${place}.${process.pid}.${own.start}`
}

/** The form of {@link ownProcess}'s result, as the source of a regular expression. */
export const PROCESS_NAME = '[0-9a-f]{8}\\.\\d{1,20}\\.\\d{1,10}\\.\\d{1,20}'

/**
 * Returns whether the process with this name has ended. Undefined if this is unknown: it ran in
 * another container or on another machine, or the system hides the processes of other users.
 */
export function hasEnded(name: string): boolean | undefined {
  const [boot, namespace, pid, start] = name.split('.')
  const place = ownPlace()
  if (place === undefined || place !== `${boot}.${namespace}`) return undefined
  const found = look(Number(pid))
  if (found === 'hidden') return undefined
  return found === 'ended' || found.start !== start
}

/** Returns boot and pid namespace. Pids can be compared only if this text is equal. */
function ownPlace(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]
    return namespace === undefined ? undefined : `${boot}.${namespace}`
  } catch {
    return undefined
  }
}

/** `start` is in ticks since boot. */
type Look = { readonly start: string } | 'ended' | 'hidden'

function look(pid: number): Look {
  let line: string
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return exists(pid) ? 'hidden' : 'ended'
  }
  // The name in parentheses may contain blanks and parentheses, so fields are counted from the last
  // parenthesis.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const [state, start] = [fields[0], fields[19]]
  return state === 'Z' || state === 'X' || start === undefined ? 'ended' : { start }
}

/** Uses kill(2), because with hidepid /proc shows only the caller's own processes. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errno(error) !== 'ESRCH'
  }
}
