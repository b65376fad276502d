/**
 * Ingests content into the pool. Both hashes and the tree are computed while the content is written
 * to a temporary file. The file gets its final name only if it matches the expectation and is
 * synced. A failure or crash at any step leaves the pool unchanged, and at most a temporary file.
 */
import { createHash } from 'node:crypto'
import { GROUP_BYTES, MAX_BLOB_BYTES } from '../blake3/geometry.ts'
import { kernel } from '../blake3/kernel.ts'
import { BATCH_BYTES } from '../blake3/memory.ts'
import { type Slot, takeSlot } from '../blake3/slot.ts'
import { Tree } from '../blake3/tree.ts'
import { type BlobId, blobId, type Sha256, sha256Hex } from '../ids.ts'
import { digestFile } from './check.ts'
import { diskFailure } from './disk.ts'
import { blobError } from './errors.ts'
import { statIfAny } from './layout.ts'
import { handled, type Source, sourceOfFile, sourceOfIterable } from './source.ts'
import {
  admit,
  commit,
  createDraft,
  type Draft,
  discard,
  openBlob,
  openFile,
  SPACE_CHECK_BYTES,
  type Store,
  settle,
} from './store.ts'
import { markOf } from './verified.ts'

export interface IngestOptions {
  /** Longer content is rejected with blob.too-large. */
  readonly maxBytes: number
  /** The expected properties. Other content fails with blob.mismatch and is removed. */
  readonly expect?: { readonly size?: number; readonly id?: BlobId; readonly sha256?: Sha256 }
  readonly signal?: AbortSignal
}

export interface Ingested {
  readonly id: BlobId
  readonly sha256: Sha256
  /** The size in bytes. */
  readonly size: number
  /** True if the pool already had it, undamaged. */
  readonly existed: boolean
}

export async function ingest(
  store: Store,
  content: AsyncIterable<Uint8Array>,
  options: IngestOptions,
): Promise<Ingested> {
  return take(store, sourceOfIterable(content, options.signal), options)
}

/** Ingests a regular file. Throws blob.not-a-file for any other file, and if it can't be opened. */
export async function ingestFile(
  store: Store,
  path: string,
  options: IngestOptions,
): Promise<Ingested> {
  const { file, size } = await openFile(path).catch((error: unknown) => {
    const failure = diskFailure('opening', path, error)
    throw blobError.is(failure, 'blob.disk')
      ? blobError(
          'blob.not-a-file',
          { path, reason: String(failure.data['reason']) },
          { cause: error },
        )
      : failure
  })
  try {
    if (size > options.maxBytes)
      throw blobError('blob.too-large', { limit: options.maxBytes, got: size })
    return await take(store, sourceOfFile(file), options)
  } finally {
    await file.close()
  }
}

async function take(store: Store, source: Source, options: IngestOptions): Promise<Ingested> {
  const drafts: Draft[] = []
  try {
    options.signal?.throwIfAborted()
    await admit(store, options.expect?.size ?? 0)
    const data = await createDraft(store)
    drafts.push(data)
    const { id, sha256, size, outboard } = await pour(store, source, data, options)
    expected(options.expect, { id, sha256, size })
    if (await healthy(store, id, size, options.signal)) {
      return { id, sha256, size, existed: true }
    }
    const beside = size > GROUP_BYTES ? await createDraft(store) : undefined
    if (beside !== undefined) {
      drafts.push(beside)
      await store.disk.write(beside.file, [outboard], 0)
    }
    await settle(store, drafts)
    // Crash until here: there are only temporary files. A later opening of the pool removes them
    // after an hour.
    await commit(store, id, data, beside)
    return { id, sha256, size, existed: false }
  } finally {
    await source.stop(blobError('blob.aborted', { id: options.expect?.id ?? 'being taken in' }))
    // After a commit, the temporary names don't exist any more, so this only closes the files.
    for (const draft of drafts) await discard(store, draft)
  }
}

interface Poured {
  readonly id: BlobId
  readonly sha256: Sha256
  readonly size: number
  readonly outboard: Uint8Array
}

/** The number of slots for batches: one is received, one is hashed, one is written. */
const SLOTS = 3

/**
 * Writes the source to the draft. While one batch is hashed, the next one is received and the
 * previous one is written.
 */
async function pour(
  store: Store,
  source: Source,
  data: Draft,
  options: IngestOptions,
): Promise<Poured> {
  const limit = Math.min(options.maxBytes, MAX_BLOB_BYTES)
  // Most contents fit in the first batch, so further slots are taken only when needed.
  const slots: Slot[] = []
  const slotOf = (batch: number): Slot => (slots[batch % SLOTS] ??= takeSlot())
  const fill = (batch: number): Promise<number> =>
    handled(source.fill(slotOf(batch).bytes.subarray(0, BATCH_BYTES)))
  const tree = new Tree(kernel())
  const sha256 = createHash('sha256')
  let filling = fill(0)
  let writing: Promise<void> = Promise.resolve()
  try {
    for (let batch = 0; ; batch += 1) {
      const length = await filling
      options.signal?.throwIfAborted()
      const size = tree.size + length
      if (size > limit) throw blobError('blob.too-large', { limit, got: size })
      if (size > (options.expect?.size ?? limit))
        throw mismatch('size', `${options.expect?.size} bytes`, `${size} bytes or more`)
      await writing
      const last = length < BATCH_BYTES
      if (!last) filling = fill(batch + 1)
      if (tree.size % SPACE_CHECK_BYTES === 0) await admit(store, length)
      const slot = slotOf(batch)
      const bytes = slot.bytes.subarray(0, length)
      writing = handled(store.disk.write(data.file, [bytes], tree.size))
      sha256.update(bytes)
      tree.add(slot.place(0, length), length, last)
      if (last) break
    }
    await writing
    const { root, outboard } = tree.finish()
    const id = blobId.parse(Buffer.from(root).toString('hex'))
    return { id, sha256: sha256Hex.parse(sha256.digest('hex')), size: tree.size, outboard }
  } catch (error) {
    await source.stop(error)
    throw error
  } finally {
    // The operating system may still access a slot until its operation ends.
    await Promise.allSettled([filling, writing])
    for (const slot of slots) slot.release()
  }
}

function expected(
  expect: IngestOptions['expect'],
  got: { id: BlobId; sha256: Sha256; size: number },
): void {
  if (expect?.size !== undefined && expect.size !== got.size)
    throw mismatch('size', `${expect.size} bytes`, `${got.size} bytes`)
  if (expect?.sha256 !== undefined && expect.sha256 !== got.sha256)
    throw mismatch('SHA-256', expect.sha256, got.sha256)
  if (expect?.id !== undefined && expect.id !== got.id)
    throw mismatch('BLAKE3 hash', expect.id, got.id)
}

function mismatch(what: string, wanted: string, got: string): Error {
  return blobError('blob.mismatch', { what, expected: wanted, got })
}

/**
 * Returns whether the pool has an undamaged copy of this blob. Hashes its whole content, because
 * the new copy must replace a damaged one. The replacement is one rename.
 */
async function healthy(
  store: Store,
  id: BlobId,
  size: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const path = store.layout.blob(id)
  const since = store.clock.now()
  const stat = await statIfAny(path)
  if (stat === undefined) return false
  // The outboard can be missing after a crash. The new pair then replaces the old file.
  if (size > GROUP_BYTES && (await statIfAny(store.layout.outboard(id))) === undefined) return false
  try {
    if (stat.size === size && (await isUnaltered(store, id, since, signal))) return true
  } catch (error) {
    signal?.throwIfAborted()
    store.log.warn({ blob: id, error: String(error) }, 'a blob of the pool could not be read')
  }
  store.log.warn(
    { blob: id, path },
    'the pool held a damaged copy of a blob; a sound one takes its place',
  )
  return false
}

/**
 * Hashes a blob's file. Records it if its content matches the id and the file did not change
 * meanwhile.
 */
async function isUnaltered(
  store: Store,
  id: BlobId,
  since: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { file } = await openBlob(store.layout.blob(id), id)
  try {
    const before = await file.stat({ bigint: true })
    if ((await digestFile(file, signal)) !== id) return false
    const after = await file.stat({ bigint: true })
    if (markOf(before) === markOf(after)) store.verified.note(id, after, since)
    return true
  } finally {
    await file.close()
  }
}
