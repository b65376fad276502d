/**
 * Metadata of our own for a version that has other packages than its upstream lists: primary,
 * filelists and other with each package's XML as its publisher wrote it, named by checksum; the
 * other files as the upstream has them; and a repomd.xml that lists these. What the publisher
 * signed is not this, so its signature is left out, and with it what describes packages in forms
 * that we don't write (sqlite, zchunk, deltas).
 */
import { createHash } from 'node:crypto'
import { createGzip } from 'node:zlib'
import { blobError } from '../../../../shared/blobs/errors.ts'
import type { Pool } from '../../../../shared/blobs/pool.ts'
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

/** What each package is described in. */
const TYPES = ['primary', 'filelists', 'other'] as const
/** The same in other forms, and differences between packages: none of it fits other packages. */
const LEFT_OUT = /^((primary|filelists|other)([_-].*)?|prestodelta|deltainfo|.*_(db|zck))$/
/** As much as a sync accepts of an upstream. */
const MAX_STORED_BYTES = 1024 ** 3
const MAX_OPEN_BYTES = 4 * 1024 ** 3

export interface OwnMetadataInput {
  readonly selection: Selection
  /** Everything that the upstream lists, in the order of its primary metadata. */
  readonly listed: readonly ListedPackage[]
  /** The upstream's repomd.xml, and the files that it names. */
  readonly repomd: Repomd
  readonly files: readonly VersionFile[]
}

/** The version's metadata files; every new one is in the pool. @throws `mirror.metadata` */
export async function writeOwnMetadata(
  deps: { pool: Pool },
  input: OwnMetadataInput,
  signal: AbortSignal,
): Promise<VersionFile[]> {
  const { repomd, selection, files } = input
  const kept = repomd.records.filter((record) => !LEFT_OUT.test(record.type))
  const own: { file: VersionFile; record: RepomdRecord }[] = []
  for (const type of TYPES) {
    const record = repomd.records.find((each) => each.type === type)
    const sources = record === undefined ? undefined : sourcesOf(deps.pool, type, input, signal)
    // Where one of the versions has no file lists, there are none of all packages.
    if (record === undefined || sources === undefined) continue
    const count =
      type === 'primary'
        ? selection.packages.length
        : new Set(selection.packages.map((each) => each.checksum.value)).size
    own.push(await write(deps.pool, record, joinPackages(sources, count), signal))
  }
  const text = Buffer.from(
    repomdText({
      revision: repomd.revision,
      records: [...own.map((each) => each.record), ...kept],
    }),
  )
  const taken = await deps.pool.ingest(pieces([text]), { maxBytes: text.length, signal })
  // Crash here: metadata in the pool that no version names; the next sync writes the same bytes
  // again.
  return [
    ...own.map((each) => each.file),
    ...files.filter((file) => kept.some((record) => record.href === file.path)),
    {
      id: taken.id,
      sha256: taken.sha256,
      size: taken.size,
      path: ownHref(REPOMD),
      kind: 'index',
      label: '',
    },
  ]
}

/**
 * Where the descriptions of this type are copied from; undefined if one of the versions has none.
 */
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
  const upstream = files.find((each) => each.label === type) as VersionFile
  const parts: [PooledFile, ReadonlySet<number>][] = [
    [{ kind: 'metadata', label: type, path: upstream.path, blob: upstream.id }, listedNumbers],
  ]
  if (selection.carried !== undefined) {
    const earlier = selection.carried.files.find((each) => each.label === type)
    if (earlier === undefined) return undefined
    parts.push([earlier, selection.carried.numbers])
  }
  // Only primary is in the order that the numbers are of; the others name each package by its
  // checksum, once.
  const wanted = new Set(selection.packages.map((each) => each.checksum.value))
  return parts.map(([file, numbers]) => ({
    file: file.path,
    bytes: () => open(pool, file, signal),
    keep: (index, pkgid) =>
      type === 'primary' ? numbers.has(index) : wanted.delete(pkgid.toLowerCase()),
  }))
}

/** @throws mirror.metadata where the pool has lost the file, or finds it damaged now */
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
): Promise<{ file: VersionFile; record: RepomdRecord }> {
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
  const checksum = { kind: 'sha256' as const, value: sha256 as string }
  const openChecksum = { kind: 'sha256' as const, value: hash.digest('hex') }
  return {
    file: { id, sha256, size, path, kind: 'metadata', label: type, checksum },
    record: {
      type,
      href: path,
      checksum,
      openChecksum,
      size,
      openSize,
      ...(timestamp === undefined ? {} : { timestamp }),
    },
  }
}

async function* pieces(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}
