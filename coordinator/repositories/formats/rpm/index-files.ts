/**
 * Fetches a file that repomd.xml lists and verifies it: the stored bytes by checksum and size, the
 * decompressed bytes by open-checksum and open-size.
 */
import type { Pool } from '../../../../shared/blobs/pool.ts'
import { defined } from '../../../../shared/defined.ts'
import type { BlobId } from '../../../../shared/ids.ts'
import type { BlobRecord } from '../../model/blob.ts'
import { type DownloadDeps, downloadFile } from '../../upstream/download.ts'
import { mirrorError } from '../../model/errors.ts'
import { checksumSink } from '../../model/checksum.ts'
import { decompress, sniffCompression } from '../../decompress/decompress.ts'
import { readPrimary } from './metadata/primary.ts'
import type { ListedPackage } from '../../model/package.ts'
import type { RepomdRecord } from './metadata/repomd.ts'
import type { OnSyncEvent } from '../../model/progress.ts'

/** RS-04: the largest decompressed size of a file whose open-size isn't listed. */
const MAX_OPEN_BYTES = 2 * 1024 ** 3
const MAX_RATIO = 200
/** Small files often compress better than the allowed ratio, and are harmless. */
const FREE_OPEN_BYTES = 4 * 1024 * 1024
/** The largest stored size of a file whose size isn't listed. */
const MAX_STORED_BYTES = 1024 ** 3

export interface MetadataFile extends BlobRecord {
  readonly record: RepomdRecord
}

/** Fetches one metadata file, unless the pool has it. @throws mirror.*, as {@link downloadFile} */
export async function fetchMetadata(
  deps: DownloadDeps,
  record: RepomdRecord,
  pooled: BlobRecord | undefined,
  options: { signal: AbortSignal; onEvent: OnSyncEvent },
): Promise<MetadataFile> {
  const { href, checksum, size } = record
  if (pooled !== undefined && size !== undefined && pooled.size !== size)
    throw mirrorError('mirror.digest', {
      file: href,
      kind: 'size',
      expected: String(size),
      got: String(pooled.size),
    })
  const wanted = { href, checksum, ...defined({ size }), maxBytes: MAX_STORED_BYTES }
  const file = pooled ?? (await downloadFile(deps, wanted, options))
  return { record, id: file.id, sha256: file.sha256, size: file.size }
}

/**
 * Decompresses a metadata file. Compares the result with the checksum and size in repomd.xml, if it
 * lists them.
 */
export async function verifyOpen(
  deps: { pool: Pool },
  file: MetadataFile,
  signal: AbortSignal,
): Promise<void> {
  if (file.record.openChecksum === undefined && file.record.openSize === undefined) return
  for await (const part of openMetadata(deps, file, signal)) void part
}

/** Yields the packages of primary metadata. The file is verified when the iteration ends. */
export function primaryPackages(
  deps: { pool: Pool },
  file: MetadataFile,
  signal: AbortSignal,
): AsyncGenerator<ListedPackage> {
  return readPrimary(openMetadata(deps, file, signal), file.record.href)
}

/** Yields the decompressed bytes. Throws at their end if they differ from repomd.xml. */
async function* openMetadata(
  deps: { pool: Pool },
  file: MetadataFile,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { href, openChecksum, openSize } = file.record
  if (await isZchunk(deps.pool, file)) return
  const sink = openChecksum === undefined ? undefined : checksumSink(openChecksum.kind)
  const cap = Math.min(MAX_OPEN_BYTES, Math.max(FREE_OPEN_BYTES, file.size * MAX_RATIO))
  let size = 0
  for await (const part of decompress(deps.pool.read(file.id, undefined, signal), {
    file: href,
    maxBytes: openSize ?? cap,
  })) {
    sink?.update(part)
    size += part.length
    yield part
  }
  if (openSize !== undefined && size !== openSize)
    throw mirrorError('mirror.digest', {
      file: `${href}, decompressed,`,
      kind: 'size',
      expected: String(openSize),
      got: String(size),
    })
  const got = sink?.value()
  if (openChecksum !== undefined && got !== undefined && got !== openChecksum.value)
    throw mirrorError('mirror.digest', {
      file: `${href}, decompressed,`,
      kind: openChecksum.kind,
      expected: openChecksum.value,
      got,
    })
}

/** True for zchunk files. They aren't read, because another file contains the same metadata. */
async function isZchunk(
  pool: Pool,
  file: { id: BlobId; size: number; record: RepomdRecord },
): Promise<boolean> {
  if (file.record.type === 'primary' || file.size < 6) return false
  for await (const head of pool.read(file.id, { start: 0, end: 6 }))
    return sniffCompression(head) === 'zchunk'
  return false
}
