/**
 * Writes metadata for a version whose packages differ from the upstream's list: primary, filelists,
 * other and repomd.xml. Each package keeps the publisher's XML. Other files are kept, except the
 * signature, and the forms that Muster doesn't write (sqlite, zchunk, deltas).
 */
import { createHash } from 'node:crypto'
import { createGzip } from 'node:zlib'
import { blobError } from '../../../../shared/blobs/errors.ts'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import { defined } from '../../../../shared/defined.ts'
import type { Checksum } from '../../model/checksum.ts'
import { mirrorError } from '../../model/errors.ts'
import { ownHref } from '../../model/href.ts'
import { openPooled } from '../open-pooled.ts'
import { joinPackages, type PackageSource } from './metadata/package-xml.ts'
import type { ListedPackage } from '../../model/package.ts'
import { REPOMD, type Repomd, type RepomdRecord } from './metadata/repomd.ts'
import { repomdText } from './metadata/repomd-text.ts'
import { through } from '../../decompress/through.ts'
import type { VersionFile } from '../../model/version.ts'
import type { PooledFile, Selection } from '../../model/selection.ts'

/** The files that describe each package. */
const TYPES = ['primary', 'filelists', 'other'] as const
/** Other forms of these files, and deltas between packages. They describe the upstream's list. */
const LEFT_OUT = /^((primary|filelists|other)([_-].*)?|prestodelta|deltainfo|.*_(db|zck))$/
/** The limits are those of an upstream's files. */
const MAX_STORED_BYTES = 1024 ** 3
const MAX_OPEN_BYTES = 4 * 1024 ** 3

export interface OwnMetadataInput {
  readonly selection: Selection
  /** All packages that the upstream lists, in the order of its primary metadata. */
  readonly listed: readonly ListedPackage[]
  /** The upstream's repomd.xml, and the files that it names. */
  readonly repomd: Repomd
  readonly files: readonly VersionFile[]
}

/** Writes the version's metadata files into the pool. @throws mirror.metadata */
export async function writeOwnMetadata(
  deps: { pool: Pool },
  input: OwnMetadataInput,
  signal: AbortSignal,
): Promise<VersionFile[]> {
  const { repomd, files } = input
  const kept = repomd.records.filter((record) => !LEFT_OUT.test(record.type))
  const own: Written[] = []
  for (const type of TYPES) {
    const record = repomd.records.find((each) => each.type === type)
    const sources = record === undefined ? undefined : sourcesOf(deps.pool, type, input, signal)
    // If one of the versions has no file lists, the new version has none.
    if (record === undefined || sources === undefined) continue
    const packages = joinPackages(sources, countOf(type, input.selection))
    own.push(await write(deps.pool, record, packages, signal))
  }
  const records = [...own.map((each) => each.record), ...kept]
  return [
    ...own.map((each) => each.file),
    ...files.filter((file) => kept.some((record) => record.href === file.path)),
    await writeRepomd(deps.pool, { revision: repomd.revision, records }, signal),
  ]
}

interface Written {
  readonly file: VersionFile
  readonly record: RepomdRecord
}

/** Counts the entries. Primary has one for each path, the others have one for each checksum. */
function countOf(type: string, { packages }: Selection): number {
  if (type === 'primary') return packages.length
  return new Set(packages.map((each) => each.checksum.value)).size
}

async function writeRepomd(pool: Pool, repomd: Repomd, signal: AbortSignal): Promise<VersionFile> {
  const text = Buffer.from(repomdText(repomd))
  const { id, sha256, size } = await pool.ingest(pieces([text]), {
    maxBytes: text.length,
    signal,
  })
  // Crash here: metadata in the pool without a version. The next sync writes the same bytes again.
  return { id, sha256, size, path: ownHref(REPOMD), kind: 'index', label: '' }
}

/** Returns the files to copy descriptions from; undefined if one of the versions has none. */
function sourcesOf(
  pool: Pool,
  type: string,
  input: OwnMetadataInput,
  signal: AbortSignal,
): PackageSource[] | undefined {
  const { selection, listed, files } = input
  const chosen = new Set(selection.packages)
  const listedNumbers = new Set(
    listed.flatMap((each, number) => (chosen.has(each) ? [number] : [])),
  )
  const upstream = files.find((each) => each.label === type)
  if (upstream === undefined) return undefined
  const parts: [PooledFile, ReadonlySet<number>][] = [
    [{ kind: 'metadata', label: type, path: upstream.path, blob: upstream.id }, listedNumbers],
  ]
  if (selection.carried !== undefined) {
    const earlier = selection.carried.files.find((each) => each.label === type)
    if (earlier === undefined) return undefined
    parts.push([earlier, selection.carried.numbers])
  }
  // The indices are positions in primary. The other files have each checksum once.
  const wanted = new Set(selection.packages.map((each) => each.checksum.value))
  return parts.map(([file, numbers]) => ({
    file: file.path,
    bytes: () => open(pool, file, signal),
    keep: (index, pkgid) =>
      type === 'primary' ? numbers.has(index) : wanted.delete(pkgid.toLowerCase()),
  }))
}

/** @throws mirror.metadata if the pool has lost the file, or if it is damaged */
async function* open(
  pool: Pool,
  file: PooledFile,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* openPooled({ pool }, file, { maxBytes: MAX_OPEN_BYTES, signal })
  } catch (error) {
    if (!blobError.is(error, 'blob.unknown')) throw error
    const reason = 'the pool has lost it, or it is damaged'
    throw mirrorError('mirror.metadata', { file: file.path, reason }, { cause: error })
  }
}

async function write(
  pool: Pool,
  upstream: RepomdRecord,
  text: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<Written> {
  const hash = createHash('sha256')
  let openSize = 0
  async function* open(): AsyncGenerator<Uint8Array> {
    for await (const part of text) {
      const bytes = Buffer.from(part)
      hash.update(bytes)
      openSize += bytes.length
      yield bytes
    }
  }
  const { id, sha256, size } = await pool.ingest(through(open(), createGzip()), {
    maxBytes: MAX_STORED_BYTES,
    signal,
  })
  const { type, timestamp } = upstream
  const path = ownHref(`repodata/${sha256}-${type}.xml.gz`)
  const checksum: Checksum = { kind: 'sha256', value: sha256 }
  const openChecksum: Checksum = { kind: 'sha256', value: hash.digest('hex') }
  return {
    file: { id, sha256, size, path, kind: 'metadata', label: type, checksum },
    record: {
      type,
      href: path,
      checksum,
      openChecksum,
      size,
      openSize,
      ...defined({ timestamp }),
    },
  }
}

async function* pieces(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}
