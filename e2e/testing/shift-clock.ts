/** Moves the wall clock of processes under test. */
import { writeFile } from 'node:fs/promises'

/**
 * Writes a module to `path` that moves the clock of a process by `ms`. Returns the environment that
 * loads it.
 */
export async function shiftClock(path: string, ms: number): Promise<{ NODE_OPTIONS: string }> {
  await writeFile(
    path,
    `const wall = globalThis.Date\nconst right = wall.now\nwall.now = () => right() + ${ms}\n`,
  )
  return { NODE_OPTIONS: `--import=${path}` }
}
