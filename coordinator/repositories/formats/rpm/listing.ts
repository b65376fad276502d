/** Fetches repomd.xml and every metadata file that it lists into the pool, and verifies them. */
import { createHash } from 'node:crypto'
import { type Sha256, sha256Hex } from '../../../../shared/ids.ts'
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
 * A larger file isn't fetched again if the pool has it. A smaller one is always fetched: that is as
 * fast as a lookup, and shows that the upstream has the files that its repomd.xml lists.
 */
const REUSED_FROM_BYTES = 1024 * 1024

/** RS-06: each file may need a window or dictionary of 128 MiB and uses one processor fully. */
const DECOMPRESSED_AT_ONCE = 2

export interface FetchedRepomd {
  readonly file: SmallFile
  readonly sha256: Sha256
}

/** Fetches repomd.xml with one request. `unchanged` if the last version was made from it. */
export async function fetchRepomd(
  upstream: Upstream,
  last: VersionRecord | undefined,
  options: ProbeOptions,
): Promise<FetchedRepomd | 'unchanged'> {
  const validators = {
    etag: last?.upstream_etag ?? undefined,
    lastModified: last?.upstream_modified ?? undefined,
  }
  const file = await upstream.small(ownHref(REPOMD), {
    maxBytes: MAX_REPOMD_BYTES,
    validators,
    signal: options.signal,
    onRetry: (notice) => options.onEvent({ type: 'retry', ...notice }),
  })
  if (file === 'unchanged') return 'unchanged'
  if (file === 'absent')
    throw mirrorError('mirror.missing', { url: new URL(REPOMD, upstream.base).href, status: 404 })
  const sha256 = sha256Hex.parse(createHash('sha256').update(file.bytes).digest('hex'))
  return sha256 === last?.index_checksum ? 'unchanged' : { file, sha256 }
}

interface Metadata {
  readonly files: VersionFile[]
  readonly primary: MetadataFile
  /** The files that weren't in the pool. */
  readonly fetched: { readonly files: number; readonly bytes: number }
}

/** Fetches every file that repomd.xml lists. Primary is verified while it is read. */
export async function fetchAllMetadata(
  deps: IndexDeps,
  { records }: Repomd,
  options: IndexOptions,
): Promise<Metadata> {
  const pooled = await pooledRecords(deps, records, options.signal)
  const missing = records.filter((record) => !pooled.has(record))
  options.onEvent({
    type: 'total',
    files: missing.length,
    bytes: missing.reduce((sum, record) => sum + (record.size ?? 0), 0),
  })
  const decompressing = createSemaphore(DECOMPRESSED_AT_ONCE)
  const fetched = await concurrently(records, options.workers, async (record) => {
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
  // Crash here: the pool has metadata without a database row. The next sync fetches it again. The
  // pool keeps its copy.
  await recordBlobs(deps.database.query, fetched, deps.clock.now())
  const primary = fetched.find((file) => file.record.type === 'primary')
  if (primary === undefined) throw new Error('readRepomd() accepts only files that list primary')
  const fresh = fetched.filter((file) => !pooled.has(file.record))
  return {
    fetched: { files: fresh.length, bytes: fresh.reduce((sum, file) => sum + file.size, 0) },
    primary,
    files: fetched.map(versionFile),
  }
}

/** Returns the records that are large enough for a lookup, and sound in the pool. */
async function pooledRecords(
  deps: IndexDeps,
  records: readonly RepomdRecord[],
  signal: AbortSignal,
): Promise<Map<RepomdRecord, BlobRecord>> {
  const pooled = new Map<RepomdRecord, BlobRecord>()
  const digests = records.map(({ checksum }) => checksum.value).filter(sha256Hex.is)
  const recorded = await findBySha256(deps.database.query, digests)
  for (const record of records) {
    const { value } = record.checksum
    const known = sha256Hex.is(value) ? recorded.get(value) : undefined
    if (known === undefined || known.size < REUSED_FROM_BYTES) continue
    if ((await deps.pool.verify(known.id, signal)) === 'sound') pooled.set(record, known)
  }
  return pooled
}

export function versionFile({ record, id, sha256, size }: MetadataFile): VersionFile {
  const { href: path, type: label, checksum } = record
  return { id, sha256, size, path, kind: 'metadata', label, checksum }
}
