/** Finds files that the pool has lost. A file that changed since its last hash is hashed again. */
import type { Pool } from '../../../shared/blobs/pool.ts'
import { concurrently } from '../../../shared/concurrency/concurrently.ts'
import type { Database } from '../../database/database.ts'
import { type ManifestFile, readManifest } from './manifest.ts'

/** Lookups that run at the same time. Most are one stat each, which a disk serves in parallel. */
const LOOKUPS = 32

/**
 * Returns the files that the pool doesn't have, in the order of the manifest. A damaged file counts
 * as missing, and the pool moves it to quarantine.
 */
export async function lackingOf(
  deps: { database: Database; pool: Pool },
  version: number,
  signal: AbortSignal,
): Promise<ManifestFile[]> {
  const lacking = new Set<ManifestFile>()
  const files = await readManifest(deps.database.query, version)
  await concurrently(files, LOOKUPS, async (file) => {
    signal.throwIfAborted()
    if ((await deps.pool.verify(file.blob, signal)) !== 'sound') lacking.add(file)
  })
  return files.filter((file) => lacking.has(file))
}
