/** Closes the inherited file descriptors, which would otherwise be open in every run. */
import { closeSync, readdirSync, readFileSync } from 'node:fs'

/** The flag in /proc/PID/fdinfo (proc_pid_fdinfo(5)). */
const O_CLOEXEC = 0o2000000

/** Call it first. The runner's own descriptors are close-on-exec, inherited ones are not. */
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
