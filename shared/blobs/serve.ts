/** Gives the encoding of a blob, or of a range of it, to whoever may have it. What the disk holds is hashed again before it goes out. */
import { constants } from 'node:fs'
import { blake3Error } from '../blake3/errors.ts'
import { encode } from '../blake3/encode.ts'
import { type ByteRange, GROUP_BYTES, groupsOf, HEADER_BYTES, outboardSize } from '../blake3/geometry.ts'
import type { BlobId } from '../ids.ts'
import { repairOutboard } from './check.ts'
import { diskFailure, errno, type FileHandle } from './disk.ts'
import { blobError } from './errors.ts'
import { type BlobFiles, sourceOfFiles } from './file-source.ts'
import type { Receiver } from './receiver.ts'
import { openBlob, openFile, type Store } from './store.ts'

/**
 * The encoding of the groups that `range` touches, in buffers of up to 1 MiB. A blob that is still being received is served as far as it is verified.
 * Throws blob.unknown, blob.range, blob.unverified; blob.damaged when the disk holds something else, after moving that to quarantine or repairing it.
 */
export async function* serve(
  store: Store,
  receiver: Receiver,
  id: BlobId,
  range: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const arriving = await openArriving(receiver, id, range)
  if (arriving !== undefined) return yield* sendAndClose(arriving, range, signal)
  const path = store.layout.blob(id)
  const { file, size } = await openBlob(path, id)
  const files: BlobFiles = { id, size, data: { path, file } }
  try {
    checked(range, size)
    const outboard = size > GROUP_BYTES ? await openOutboard(store, id, file, size, signal) : undefined
    yield* sendAndClose(outboard === undefined ? files : { ...files, outboard }, range, signal)
  } catch (error) {
    if (blake3Error.is(error, 'blake3.altered') || blobError.is(error, 'blob.damaged')) throw await damaged(store, id, error)
    throw error
  } finally {
    await file.close()
  }
}

async function* sendAndClose(files: BlobFiles, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* encode(sourceOfFiles(files), groupsOf(range, files.size), signal)
  } finally {
    await files.data.file.close()
    await files.outboard?.file.close()
  }
}

/** The files of a blob that is being received, opened anew: the transfer may end before the last byte of them has been sent. */
async function openArriving(receiver: Receiver, id: BlobId, range: ByteRange): Promise<BlobFiles | undefined> {
  const partial = receiver.live(id)?.partial
  if (partial === undefined) return undefined
  const { size, verified, data, outboard } = partial
  if (!verified.hasRange(groupsOf(checked(range, size), size)))
    throw blobError('blob.unverified', { id, start: range.start, end: range.end })
  const opened = await openIfAny(data.path)
  const beside = await openIfAny(outboard.path)
  if (opened !== undefined && beside !== undefined) {
    return { id, size, data: { path: data.path, file: opened.file }, outboard: { path: outboard.path, file: beside.file } }
  }
  // It has got its final name since.
  await opened?.file.close()
  await beside?.file.close()
  return undefined
}

async function openIfAny(path: string): Promise<{ file: FileHandle; size: number } | undefined> {
  try {
    return await openFile(path, constants.O_NOFOLLOW)
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw diskFailure('opening', path, error)
  }
}

/** The range, if it lies inside the blob. */
function checked(range: ByteRange, size: number): ByteRange {
  const { start, end } = range
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start || end > size) {
    throw blobError('blob.range', { start, end, size })
  }
  return range
}

/** Opens the outboard, computing it again if it is missing or is not for a content of this size. */
async function openOutboard(
  store: Store,
  id: BlobId,
  data: FileHandle,
  size: number,
  signal?: AbortSignal,
): Promise<{ path: string; file: FileHandle }> {
  const path = store.layout.outboard(id)
  for (let repaired = false; ; repaired = true) {
    const found = await openIfAny(path)
    if (found?.size === outboardSize(size) && (await announcedSize(found.file)) === size) return { path, file: found.file }
    await found?.file.close()
    if (repaired || !(await repairOutboard(store, id, data, signal))) {
      throw blobError('blob.damaged', { id, reason: 'neither its content nor its outboard is right' })
    }
  }
}

async function announcedSize(outboard: FileHandle): Promise<number> {
  const header = Buffer.alloc(HEADER_BYTES)
  await outboard.read(header, 0, HEADER_BYTES, 0)
  return Number(header.readBigUInt64LE())
}

/** Finds out what of a blob is wrong and deals with it; returns the error for the one who asked. */
async function damaged(store: Store, id: BlobId, cause: unknown): Promise<Error> {
  const sound = await repair(store, id).catch((error: unknown) => {
    if (blobError.is(error, 'blob.unknown')) return false
    throw error
  })
  const reason = sound
    ? 'its outboard did not fit its content and was computed again'
    : 'its content is not what its id says; it is in quarantine'
  return blobError('blob.damaged', { id, reason }, { cause })
}

/** Computes the outboard again; false if the content is wrong too and so in quarantine. Throws blob.unknown if it went there before. */
async function repair(store: Store, id: BlobId): Promise<boolean> {
  const { file } = await openBlob(store.layout.blob(id), id)
  try {
    return await repairOutboard(store, id, file)
  } finally {
    await file.close()
  }
}
