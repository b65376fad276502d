/**
 * Removes generations that are no longer kept, and what interrupted publications left behind. Never
 * what the link points to.
 */
import { lstat, readdir, rename, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import type { Clock } from '../../../../shared/clock.ts'
import type { Random } from '../../../../shared/random.ts'
import { KEPT_GENERATIONS } from '../destination.ts'
import { diskError } from '../errors.ts'
import { generationNumber, isLeftover, type Layout, temporaryName } from './layout.ts'

/**
 * A builder on another machine, or in another container, shows every minute that it lives
 * (ALIVE_MS).
 */
const SILENT_MS = 3_600_000

/**
 * @param current - name of the generation that is published; undefined removes all, with the folder
 * around them
 */
export async function cleanUp(
  deps: { pool: Pool; clock: Clock; random: Random },
  layout: Layout,
  current: string | undefined,
): Promise<string[]> {
  const removed: string[] = []
  for (const name of await surplus(deps, layout, current)) {
    const path = join(layout.generations, name)
    try {
      // Away from its name first: a folder with a generation's name has all of its files, however
      // far the removal comes.
      const aside =
        generationNumber(name) === undefined
          ? path
          : join(layout.generations, temporaryName(deps.random, 'removing'))
      if (aside !== path) await rename(path, aside)
      // Crash here: a folder named removing-…, which the next clean-up removes.
      await deps.pool.removeFolder(aside)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
      throw diskError('removing', path, error)
    }
    removed.push(name)
  }
  if (current === undefined) await removeEmpty(layout.generations)
  return removed
}

/** Another publication may have begun there meanwhile: then it is not empty. */
async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code))
      throw diskError('removing', folder, error)
  }
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
  // Those above the current one belong to a publication under way, or to one that crashed before
  // its row: the latter goes once it is passed.
  const kept =
    current === undefined
      ? []
      : [
          ...whole.filter((name) => number(name) > limit),
          current,
          ...whole.filter((name) => number(name) < limit).slice(0, KEPT_GENERATIONS - 1),
        ]
  const leftovers: string[] = []
  for (const name of entries)
    if (isLeftover(name) ?? (await isSilent(deps, join(layout.generations, name))))
      leftovers.push(name)
  return [...whole.filter((name) => !kept.includes(name)), ...leftovers]
}

async function isSilent(deps: { clock: Clock }, path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats !== undefined && deps.clock.now() - stats.mtimeMs > SILENT_MS
}
