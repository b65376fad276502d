/** Closes inherited file descriptors. Otherwise every run would have them open. */
import { closeSync, readdirSync, readFileSync } from 'node:fs'

/** The close-on-exec flag in /proc/PID/fdinfo (proc_pid_fdinfo(5)). */
const O_CLOEXEC = 0o2000000

/**
 * Closes and returns the inherited descriptors. Call it first. The runner's own descriptors are
 * close-on-exec, inherited ones are not.
 */
export function closeInherited(): number[] {
  const inherited = readdirSync('/proc/self/fdinfo')
    .map(Number)
    .filter((fd) => fd > 2 && !closesOnExec(fd))
  for (const fd of inherited) closeSync(fd)
  return inherited
}

function closesOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(
      readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'),
    )?.[1]
    return flags === undefined || (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0
  } catch {
    // The descriptor of the listing, which is closed now.
    return true
  }
}
