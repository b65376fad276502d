/** What of a version, or of a listing, the pool really has. */
import type { BlobId } from '../../shared/ids.ts'
import type { BlobRecord } from '../content/blobs.ts'
import { readManifest } from '../content/manifest.ts'
import type { PrimaryPackage } from './metadata/primary.ts'
import { mapParallel } from './parallel.ts'
import { type ChecksumKey, checksumKey } from './plan.ts'
import type { SyncDeps } from './sync-options.ts'
import { recordedContent } from './versions.ts'

/** Pool lookups at once: they are stats of files, and a disk answers many as fast as one. */
const LOOKUPS = 32

/** Whether the pool still has every file of a version: the disk may have lost one, or a check has put it into quarantine. */
export async function isWhole(deps: SyncDeps, version: number): Promise<boolean> {
  let whole = true
  await mapParallel(
    await readManifest(deps.database.query, version),
    LOOKUPS,
    async ({ blob, size }) => {
      if (whole && (await deps.pool.stat(blob))?.size !== size) whole = false
    },
  )
  return whole
}

/** Listed content that the pool really has, of the size that is listed. */
export async function pooledContent(
  deps: SyncDeps,
  listed: readonly PrimaryPackage[],
): Promise<Map<ChecksumKey, BlobRecord>> {
  const recorded = await recordedContent(deps.database.query, listed)
  const wanted = new Map<ChecksumKey, { id: BlobId; size: number }>()
  for (const each of listed) {
    const blob = recorded.get(checksumKey(each.checksum))
    if (blob !== undefined && blob.size === each.size) wanted.set(checksumKey(each.checksum), blob)
  }
  const found = new Map<ChecksumKey, BlobRecord>()
  await mapParallel([...wanted], LOOKUPS, async ([key, { id, size }]) => {
    if ((await deps.pool.stat(id))?.size === size) found.set(key, recorded.get(key) as BlobRecord)
  })
  return found
}
