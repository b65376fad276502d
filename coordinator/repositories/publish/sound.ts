/**
 * Checks that the pool has the content of a version undamaged before it is published. It fetches
 * lost content again, and lists the files for which this fails.
 */
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Healer } from '../content/healer.ts'
import type { ManifestFile } from '../content/manifest.ts'
import { concurrently } from '../../../shared/concurrency/concurrently.ts'
import { publishError } from './errors.ts'

/** Most checks are one stat, but changed files are hashed. A few at a time keep a disk busy. */
const AT_ONCE = 8
/** The limit of names in one error, because a log entry is at most 64 KiB. The rest is counted. */
const MAX_NAMED = 50
const MAX_NAME = 400

/** @throws publish.content, the signal's reason */
export async function requireSound(
  deps: { pool: Pool; healer?: Healer },
  request: { repository: string; target: string; signal: AbortSignal },
  files: readonly ManifestFile[],
): Promise<void> {
  const { repository, target, signal } = request
  const bad = await lacking(deps.pool, files, signal)
  if (bad.length === 0) return
  await deps.healer?.heal(bad, signal)
  const left = await lacking(deps.pool, bad, signal)
  if (left.length === 0) return
  const names = left.slice(0, MAX_NAMED).map(({ path }) => path.slice(0, MAX_NAME))
  throw publishError('publish.content', { repository, target, count: left.length, files: names })
}

/** Returns the files whose content the pool doesn't have undamaged. */
async function lacking(
  pool: Pool,
  files: readonly ManifestFile[],
  signal: AbortSignal,
): Promise<ManifestFile[]> {
  const bad = new Set<ManifestFile>()
  await concurrently(files, AT_ONCE, async (file) => {
    signal.throwIfAborted()
    if ((await pool.verify(file.blob, signal)) !== 'sound') bad.add(file)
  })
  return files.filter((file) => bad.has(file))
}
