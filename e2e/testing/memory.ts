/** Reads the memory use of another process from Linux's `/proc/PID/status` (proc(5)). */
import { readFile, writeFile } from 'node:fs/promises'
import { KIB } from '../../shared/units.ts'

/** Returns the resident bytes. */
export async function residentBytes(pid: number): Promise<number> {
  return field(pid, 'VmRSS')
}

/** Returns the peak of resident bytes since {@link resetPeak}, or since the start. */
export async function peakBytes(pid: number): Promise<number> {
  return field(pid, 'VmHWM')
}

/** Resets the peak to the current resident size. */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

async function field(pid: number, name: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)
  if (match === null) throw new Error(`/proc/${pid}/status has no ${name}`)
  return Number(match[1]) * KIB
}
