/**
 * What of a version the pool has lost. A file that changed since it was verified is hashed again
 * here.
 */
import type { Pool } from '../../../shared/blobs/pool.ts'
import { concurrently } from '../../../shared/concurrency/concurrently.ts'
import type { Database } from '../../database/database.ts'
import { type ManifestFile, readManifest } from './manifest.ts'

/** Pool lookups at once: most are stats of files, and a disk answers many as fast as one. */
const LOOKUPS = 32

/**
 * Files of a version that the pool has no longer, or found damaged now and put into quarantine. In
 * the order of its manifest.
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
