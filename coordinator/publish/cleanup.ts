/** Removes generations that are no longer kept, and what interrupted publications left behind. Never what the link points to. */
import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../shared/clock.ts'
import { diskError } from './errors.ts'
import { generationNumber, isTemporary, KEPT_GENERATIONS, type Layout } from './layout.ts'

/** Another coordinator may be building at this moment; nobody builds for this long. */
const LEFTOVER_MS = 3_600_000

/** @param current - name of the generation that is published; undefined removes all */
export async function cleanUp(
  deps: { clock: Clock },
  layout: Layout,
  current: string | undefined,
): Promise<string[]> {
  const removed: string[] = []
  for (const name of await surplus(deps, layout, current)) {
    try {
      await rm(join(layout.generations, name), { recursive: true, force: true })
    } catch (error) {
      throw diskError('removing', join(layout.generations, name), error)
    }
    // Crash here: a generation with some files missing, that nothing points to and whose number is taken; the next clean-up removes the rest.
    removed.push(name)
  }
  return removed
}

async function surplus(
  deps: { clock: Clock },
  layout: Layout,
  current: string | undefined,
): Promise<string[]> {
  let entries: string[]
  try {
    entries = await readdir(layout.generations)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw diskError('reading', layout.generations, error)
  }
  const number = (name: string): number => generationNumber(name) ?? 0
  const whole = entries
    .filter((name) => generationNumber(name) !== undefined)
    .sort((a, b) => number(b) - number(a))
  const limit = current === undefined ? Number.POSITIVE_INFINITY : number(current)
  // Those above the current one belong to a publication under way, or to one that crashed before its row: the latter goes once it is passed.
  const kept =
    current === undefined
      ? []
      : [
          ...whole.filter((name) => number(name) > limit),
          current,
          ...whole.filter((name) => number(name) < limit).slice(0, KEPT_GENERATIONS - 1),
        ]
  const leftovers: string[] = []
  for (const name of entries.filter(isTemporary)) {
    const stats = await lstat(join(layout.generations, name)).catch(() => undefined)
    if (stats !== undefined && deps.clock.now() - stats.mtimeMs > LEFTOVER_MS) leftovers.push(name)
  }
  return [...whole.filter((name) => !kept.includes(name)), ...leftovers]
}
