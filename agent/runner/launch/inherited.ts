/**
 * Closes what the runner inherited and didn't ask for: an open file of its starter would otherwise
 * be open in every run.
 */
import { closeSync, readdirSync, readFileSync } from 'node:fs'

/** Of fcntl's flags as /proc/PID/fdinfo shows them, in octal (proc_pid_fdinfo(5)). */
const O_CLOEXEC = 0o2000000

/**
 * To be called before anything else: descriptors of our own are all close-on-exec, those that came
 * with the process are not.
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
    // The listing's own descriptor, closed since.
    return true
  }
}
