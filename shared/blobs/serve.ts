/**
 * Gives the encoding of a blob, or of a range of it, to whoever may have it. What the disk holds is
 * hashed again before it goes out.
 */
import { blake3Error } from '../blake3/errors.ts'
import { encode } from '../blake3/encode.ts'
import {
  type ByteRange,
  GROUP_BYTES,
  groupsOf,
  HEADER_BYTES,
  outboardSize,
} from '../blake3/geometry.ts'
import type { BlobId } from '../ids.ts'
import { repairOutboard } from './check.ts'
import type { FileHandle } from './disk.ts'
import { blobError } from './errors.ts'
import { type BlobFiles, sourceOfFiles } from './file-source.ts'
import { statIfAny } from './layout.ts'
import type { Receiver } from './receiver.ts'
import { requireInside } from './range.ts'
import { openBlob, openIfAny, type Store } from './store.ts'

/**
 * The encoding of the groups that `range` touches, in buffers of up to 1 MiB. A blob that is still
 * being received is served as far as it is verified. Throws blob.unknown, blob.range,
 * blob.unverified; blob.damaged when the disk holds something else, after moving that to quarantine
 * or repairing it.
 */
export async function* serve(
  store: Store,
  receiver: Receiver,
  id: BlobId,
  range: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const path = store.layout.blob(id)
  const whole = await openIfAny(path)
  if (whole === undefined) return yield* serveArriving(store, receiver, id, range, signal)
  const { file, size } = whole
  try {
    requireInside(range, size)
    const outboard =
      size > GROUP_BYTES ? await openOutboard(store, id, file, size, signal) : undefined
    const files: BlobFiles = { id, size, data: { path, file } }
    yield* sendAndClose(outboard === undefined ? files : { ...files, outboard }, range, signal)
  } catch (error) {
    if (isDamage(error)) throw await damaged(store, id, error)
    throw error
  } finally {
    await file.close()
  }
}

/**
 * What has been verified of a blob that isn't whole; hashed again on its way out, as everything.
 */
async function* serveArriving(
  store: Store,
  receiver: Receiver,
  id: BlobId,
  range: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const files = await receiver.openPartial(id, range)
  if (files === undefined) {
    // It may have got its final name in this moment.
    if ((await statIfAny(store.layout.blob(id))) === undefined)
      throw blobError('blob.unknown', { id })
    return yield* serve(store, receiver, id, range, signal)
  }
  try {
    yield* sendAndClose(files, range, signal)
  } catch (error) {
    // Its next receipt finds out what is still right of it.
    if (isDamage(error))
      throw blobError(
        'blob.unverified',
        { id, start: range.start, end: range.end },
        { cause: error },
      )
    throw error
  }
}

function isDamage(error: unknown): boolean {
  return blake3Error.is(error, 'blake3.altered') || blobError.is(error, 'blob.damaged')
}

async function* sendAndClose(
  files: BlobFiles,
  range: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* encode(sourceOfFiles(files), groupsOf(range, files.size), signal)
  } finally {
    await files.data.file.close()
    await files.outboard?.file.close()
  }
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
    if (found?.size === outboardSize(size) && (await announcedSize(found.file)) === size)
      return { path, file: found.file }
    await found?.file.close()
    if (repaired || !(await repairOutboard(store, id, data, signal))) {
      throw blobError('blob.damaged', {
        id,
        reason: 'neither its content nor its outboard is right',
      })
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

/**
 * Computes the outboard again; false if the content is wrong too and so in quarantine. Throws
 * blob.unknown if it went there before.
 */
async function repair(store: Store, id: BlobId): Promise<boolean> {
  const { file } = await openBlob(store.layout.blob(id), id)
  try {
    return await repairOutboard(store, id, file)
  } finally {
    await file.close()
  }
}
