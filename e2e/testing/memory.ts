/** How much memory another process takes, as Linux counts it: proc(5), `/proc/PID/status`. */
import { readFile, writeFile } from 'node:fs/promises'
import { KIB } from '../../shared/units.ts'

/** Bytes that the process has resident now. */
export async function residentBytes(pid: number): Promise<number> {
  return field(pid, 'VmRSS')
}

/** The most bytes that it had resident since {@link resetPeak}, or since its start. */
export async function peakBytes(pid: number): Promise<number> {
  return field(pid, 'VmHWM')
}

/** Makes the peak begin at what the process has resident now. */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

async function field(pid: number, name: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)
  if (match === null) throw new Error(`/proc/${pid}/status has no ${name}`)
  return Number(match[1]) * KIB
}
