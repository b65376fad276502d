/** repomd.xml of an upstream and every metadata file that it lists, in the pool and verified. */
import { createHash } from 'node:crypto'
import type { Sha256 } from '../../../../shared/ids.ts'
import { createSemaphore } from '../../../../shared/concurrency/semaphore.ts'
import { findBySha256, recordBlobs } from '../../content/blobs.ts'
import type { BlobRecord } from '../../model/blob.ts'
import { mirrorError } from '../../model/errors.ts'
import { fetchMetadata, type MetadataFile, verifyOpen } from './index-files.ts'
import { ownHref } from '../../model/href.ts'
import { MAX_REPOMD_BYTES, REPOMD, type Repomd, type RepomdRecord } from './metadata/repomd.ts'
import { concurrently } from '../../../../shared/concurrency/concurrently.ts'
import type { IndexDeps, IndexOptions, ProbeOptions } from '../format.ts'
import type { SmallFile, Upstream } from '../../upstream/upstream.ts'
import type { VersionFile, VersionRecord } from '../../model/version.ts'

/**
 * Metadata from this size on is not fetched again when the pool has it. Below, fetching costs no
 * more than a look-up, and shows that the upstream really has the set that its repomd.xml lists.
 */
const REUSED_FROM_BYTES = 1024 * 1024

/**
 * RS-06: each may make us hold a window or dictionary of 128 MiB, and a processor is busy with one
 * anyway.
 */
const DECOMPRESSED_AT_ONCE = 2

export interface FetchedRepomd {
  readonly file: SmallFile
  readonly sha256: Sha256
}

/**
 * repomd.xml, unless it is the one that the last version was made from: then that cost one request.
 */
export async function fetchRepomd(
  upstream: Upstream,
  last: VersionRecord | undefined,
  options: ProbeOptions,
): Promise<FetchedRepomd | 'unchanged'> {
  const validators = {
    etag: last?.upstream_etag ?? undefined,
    lastModified: last?.upstream_modified ?? undefined,
  }
  const onRetry = (notice: { file: string; reason: string; waitMs: number }): void =>
    options.onEvent({ type: 'retry', ...notice })
  const file = await upstream.small(ownHref(REPOMD), {
    maxBytes: MAX_REPOMD_BYTES,
    validators,
    signal: options.signal,
    onRetry,
  })
  if (file === 'unchanged') return 'unchanged'
  if (file === 'absent')
    throw mirrorError('mirror.missing', { url: new URL(REPOMD, upstream.base).href, status: 404 })
  const sha256 = createHash('sha256').update(file.bytes).digest('hex') as Sha256
  return sha256 === last?.index_checksum ? 'unchanged' : { file, sha256 }
}

interface Metadata {
  readonly files: VersionFile[]
  readonly primary: MetadataFile
  /** What of it was not in the pool. */
  readonly fetched: { readonly files: number; readonly bytes: number }
}

/** Every file that repomd.xml lists, verified; primary is verified as it is read. */
export async function fetchAllMetadata(
  deps: IndexDeps,
  repomd: Repomd,
  options: IndexOptions,
): Promise<Metadata> {
  const digests = repomd.records
    .filter((record) => record.checksum.kind === 'sha256')
    .map((record) => record.checksum.value)
  const recorded = await findBySha256(deps.database.query, digests)
  const pooled = new Map<RepomdRecord, BlobRecord>()
  for (const record of repomd.records) {
    const known = recorded.get(record.checksum.value)
    if (
      known !== undefined &&
      known.size >= REUSED_FROM_BYTES &&
      (await deps.pool.verify(known.id, options.signal)) === 'sound'
    )
      pooled.set(record, known)
  }
  const missing = repomd.records.filter((record) => !pooled.has(record))
  options.onEvent({
    type: 'total',
    files: missing.length,
    bytes: missing.reduce((sum, record) => sum + (record.size ?? 0), 0),
  })
  const decompressing = createSemaphore(DECOMPRESSED_AT_ONCE)
  const fetched = await concurrently(repomd.records, options.workers, async (record) => {
    const file = await fetchMetadata(deps, record, pooled.get(record), options)
    if (record.type === 'primary') return file
    const release = await decompressing.acquire(options.signal)
    try {
      await verifyOpen(deps, file, options.signal)
    } finally {
      release()
    }
    return file
  })
  // Crash here: metadata in the pool without a record. The next sync fetches it again and finds the
  // pool has it.
  await recordBlobs(deps.database.query, fetched, deps.clock.now())
  const news = fetched.filter((file) => !pooled.has(file.record))
  return {
    fetched: { files: news.length, bytes: news.reduce((sum, file) => sum + file.size, 0) },
    primary: fetched.find((file) => file.record.type === 'primary') as MetadataFile,
    files: fetched.map(versionFile),
  }
}

export function versionFile({ record, id, sha256, size }: MetadataFile): VersionFile {
  const { href: path, type: label, checksum } = record
  return { id, sha256, size, path, kind: 'metadata', label, checksum }
}
