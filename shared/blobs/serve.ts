/**
 * Sends the encoding of a blob or of a range. The bytes from the disk are hashed again before they
 * are sent.
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
 * Returns the encoding of the groups with bytes of `range`, in buffers of up to 1 MiB. If the blob
 * is being received, only its verified groups are available. Throws blob.unknown, blob.range,
 * blob.unverified. If the disk has wrong bytes, quarantines or repairs them and throws
 * blob.damaged.
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
 * Serves the verified part of a partial blob. Its bytes are hashed again, like those of whole
 * blobs.
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
    // The blob may have just got its final name.
    if ((await statIfAny(store.layout.blob(id))) === undefined)
      throw blobError('blob.unknown', { id })
    return yield* serve(store, receiver, id, range, signal)
  }
  try {
    yield* sendAndClose(files, range, signal)
  } catch (error) {
    // The next transfer checks which part is still undamaged.
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

/** Opens the outboard, and computes it again if it is missing or has the wrong size. */
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

/** Repairs or quarantines a damaged blob. Returns the error for the caller. */
async function damaged(store: Store, id: BlobId, cause: unknown): Promise<Error> {
  const sound = await repair(store, id).catch((error: unknown) => {
    if (blobError.is(error, 'blob.unknown')) return false
    throw error
  })
  const reason = sound
    ? 'its outboard did not fit its content and was computed again'
    : 'its content does not match its id; it is in quarantine'
  return blobError('blob.damaged', { id, reason }, { cause })
}

/**
 * Computes the outboard again. Returns false if the content is damaged too, and is in quarantine
 * now. Throws blob.unknown if it was quarantined before.
 */
async function repair(store: Store, id: BlobId): Promise<boolean> {
  const { file } = await openBlob(store.layout.blob(id), id)
  try {
    return await repairOutboard(store, id, file)
  } finally {
    await file.close()
  }
}
