/**
 * Removes old generations, and the leftovers of interrupted publications. It never removes the
 * generation that the link leads to.
 */
import { lstat, readdir, rename, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import type { Clock } from '../../../../shared/clock.ts'
import { errno } from '../../../../shared/errno.ts'
import type { Random } from '../../../../shared/random.ts'
import { KEPT_GENERATIONS } from '../destination.ts'
import { diskError } from '../errors.ts'
import { generationNumber, isLeftover, type Layout, temporaryName } from './layout.ts'

/** Every minute a builder shows that it is running (ALIVE_MS), also to other machines. */
const SILENT_MS = 3_600_000

/**
 * @param current - the name of the published generation; undefined removes all, and their folder
 */
export async function cleanUp(
  deps: { pool: Pool; clock: Clock; random: Random },
  layout: Layout,
  current: string | undefined,
): Promise<string[]> {
  const removed: string[] = []
  for (const name of await surplus(deps, layout, current)) {
    try {
      await removeOne(deps, layout, name)
      removed.push(name)
    } catch (error) {
      if (errno(error) !== 'ENOENT')
        throw diskError('removing', join(layout.generations, name), error)
    }
  }
  if (current === undefined) await removeEmpty(layout.generations)
  return removed
}

/**
 * Renames a generation before its files are removed. So a folder with the name of a generation
 * always has all of its files.
 */
async function removeOne(
  deps: { pool: Pool; random: Random },
  layout: Layout,
  name: string,
): Promise<void> {
  const path = join(layout.generations, name)
  const isGeneration = generationNumber(name) !== undefined
  const aside = isGeneration
    ? join(layout.generations, temporaryName(deps.random, 'removing'))
    : path
  if (isGeneration) await rename(path, aside)
  // Crash here: a folder removing-…, which the next clean-up removes.
  await deps.pool.removeFolder(aside)
}

/** Removes an empty folder. If another publication has started in it, it isn't empty and stays. */
async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errno(error) ?? ''))
      throw diskError('removing', folder, error)
  }
}

async function surplus(
  deps: { clock: Clock },
  layout: Layout,
  current: string | undefined,
): Promise<string[]> {
  const entries = await entriesOf(layout.generations)
  const complete = entries.filter((name) => generationNumber(name) !== undefined)
  const kept = keptGenerations(complete, current)
  const leftovers: string[] = []
  for (const name of entries)
    if (isLeftover(name) ?? (await isSilent(deps, join(layout.generations, name))))
      leftovers.push(name)
  return [...complete.filter((name) => !kept.has(name)), ...leftovers]
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw diskError('reading', folder, error)
  }
}

/**
 * Returns the current generation, the kept ones before it, and all after it. Those belong to a
 * publication that is running, or that crashed before it wrote its row. They are removed only when
 * their number is below the current one.
 */
function keptGenerations(
  names: readonly string[],
  current: string | undefined,
): ReadonlySet<string> {
  if (current === undefined) return new Set()
  const number = (name: string): number => generationNumber(name) ?? 0
  const newestFirst = [...names].sort((a, b) => number(b) - number(a))
  const limit = number(current)
  return new Set([
    ...newestFirst.filter((name) => number(name) > limit),
    current,
    ...newestFirst.filter((name) => number(name) < limit).slice(0, KEPT_GENERATIONS - 1),
  ])
}

async function isSilent(deps: { clock: Clock }, path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats !== undefined && deps.clock.now() - stats.mtimeMs > SILENT_MS
}
