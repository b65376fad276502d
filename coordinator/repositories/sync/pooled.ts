/** Finds listed content in the pool. A file that changed since its last hash is hashed again. */
import type { BlobRecord } from '../model/blob.ts'
import type { ListedPackage } from '../model/package.ts'
import { concurrently } from '../../../shared/concurrency/concurrently.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import type { SyncDeps } from './sync-options.ts'
import { recordedContent } from '../versions/versions.ts'

/** Lookups that run at the same time. Most are one stat each, which a disk serves in parallel. */
const LOOKUPS = 32

export interface PooledContent {
  /** Undamaged content of the listed size in the pool. */
  readonly found: ReadonlyMap<ChecksumKey, BlobRecord>
  /** Content of that size that the pool once had and lost. */
  readonly lost: ReadonlyMap<ChecksumKey, BlobRecord>
}

/** Finds the listed content that the pool has or once had. */
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

/** Fetches lost content again, then works like {@link pooledContent}. */
export async function healedContent(
  deps: Pick<SyncDeps, 'database' | 'pool' | 'healer'>,
  listed: readonly ListedPackage[],
  signal: AbortSignal,
): Promise<ReadonlyMap<ChecksumKey, BlobRecord>> {
  const { found, lost } = await pooledContent(deps, listed, signal)
  if (lost.size === 0) return found
  const blobs = [...lost.values()].map(({ id, size }) => ({ blob: id, size }))
  await deps.healer?.heal(blobs, signal)
  return (await pooledContent(deps, listed, signal)).found
}
