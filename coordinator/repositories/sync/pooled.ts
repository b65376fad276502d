/**
 * What of a version, or of a listing, the pool really has, sound. A file that changed since it was
 * verified is hashed again here.
 */
import type { BlobId } from '../../../shared/ids.ts'
import type { BlobRecord } from '../model/blob.ts'
import type { ListedPackage } from '../model/package.ts'
import { concurrently } from '../../../shared/concurrency/concurrently.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import type { SyncDeps } from './sync-options.ts'
import { recordedContent } from '../versions/versions.ts'

/** Pool lookups at once: most are stats of files, and a disk answers many as fast as one. */
const LOOKUPS = 32

export interface PooledContent {
  /** What the pool has, sound and of the size that is listed. */
  readonly found: ReadonlyMap<ChecksumKey, BlobRecord>
  /** What it had once, of that size. */
  readonly lost: ReadonlyMap<ChecksumKey, BlobRecord>
}

/** Listed content that the pool has, or once had. */
export async function pooledContent(
  deps: Pick<SyncDeps, 'database' | 'pool'>,
  listed: readonly ListedPackage[],
  signal: AbortSignal,
): Promise<PooledContent> {
  const recorded = await recordedContent(deps.database.query, listed)
  const wanted = new Map<ChecksumKey, BlobRecord>()
  for (const each of listed) {
    const blob = recorded.get(checksumKey(each.checksum))
    if (blob !== undefined && blob.size === each.size) wanted.set(checksumKey(each.checksum), blob)
  }
  const found = new Map<ChecksumKey, BlobRecord>()
  const lost = new Map<ChecksumKey, BlobRecord>()
  await concurrently([...wanted], LOOKUPS, async ([key, blob]) => {
    signal.throwIfAborted()
    const sound = (await deps.pool.verify(blob.id, signal)) === 'sound'
    ;(sound ? found : lost).set(key, blob)
  })
  return { found, lost }
}

/** The same, after an agent or an upstream was asked for what is lost. */
export async function healedContent(
  deps: Pick<SyncDeps, 'database' | 'pool' | 'healer'>,
  listed: readonly ListedPackage[],
  signal: AbortSignal,
): Promise<ReadonlyMap<ChecksumKey, BlobRecord>> {
  const { found, lost } = await pooledContent(deps, listed, signal)
  if (lost.size === 0) return found
  const ask = [...lost.values()].map(({ id, size }): { blob: BlobId; size: number } => ({
    blob: id,
    size,
  }))
  await deps.healer?.heal(ask, signal)
  return (await pooledContent(deps, listed, signal)).found
}
