/**
 * Checks a sample of a pool for `muster doctor`, also if no node runs. It changes nothing. Damaged
 * files stay in their place. The node's check moves them and fetches the blobs again.
 */
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { type BlobId, blobId } from '../ids.ts'
import type { Random } from '../random.ts'
import { digestFile, UNREADABLE } from './check.ts'
import { errno } from '../errno.ts'
import { diskFailure } from './disk.ts'
import { type SampleBudget, type Sampled, samplePool } from './sample.ts'
import { exactStat, openVerified } from './verified.ts'

/**
 * Returns undefined if there is no pool in this folder.
 * @throws blob.disk if it can't be read, the signal's reason
 */
export async function inspectPool(
  deps: { clock: Clock; random: Random },
  folder: string,
  budget: SampleBudget,
  signal: AbortSignal,
): Promise<Sampled | undefined> {
  const blobs = join(folder, 'blobs')
  const ids = await blobsIn(blobs)
  if (ids === undefined) return undefined
  const verified = await openVerified(
    { random: deps.random, now: () => deps.clock.now(), warn: () => undefined },
    folder,
    { readOnly: true },
  )
  const pathOf = (id: BlobId): string => join(blobs, id.slice(0, 2), id)
  return samplePool(
    deps,
    {
      ids,
      look: async (id) => {
        const stats = await exactStat(pathOf(id))
        return stats && { size: Number(stats.size), known: verified.holds(id, stats) }
      },
      hash: (id) => isSound(pathOf(id), id, signal),
    },
    budget,
    signal,
  )
}

async function isSound(
  path: string,
  id: BlobId,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const stats = await exactStat(path)
  if (stats === undefined) return undefined
  if (!stats.isFile()) return false
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    (error: unknown) => {
      if (errno(error) === 'ENOENT') return undefined
      throw diskFailure('opening', path, error)
    },
  )
  if (file === undefined) return undefined
  try {
    return (await digestFile(file, signal)) === id
  } catch (error) {
    if (UNREADABLE.has(errno(error) ?? '')) return false
    throw diskFailure('reading', path, error)
  } finally {
    await file.close()
  }
}

/**
 * Returns the ids of all blobs below a pool's `blobs` folder, in any order. Undefined if there is
 * no such folder.
 */
export async function blobsIn(blobs: string): Promise<BlobId[] | undefined> {
  const ids: BlobId[] = []
  for (const shard of (await namesIn(blobs)) ?? []) {
    const names = /^[0-9a-f]{2}$/.test(shard) ? await namesIn(join(blobs, shard)) : undefined
    for (const name of names ?? []) if (blobId.is(name)) ids.push(name)
  }
  return ids.length > 0 || (await namesIn(blobs)) !== undefined ? ids : undefined
}

async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined
    throw diskFailure('reading', folder, error)
  }
}
