/** Gives the encoding of a blob, or of a range of it, to whoever may have it. What the disk holds is hashed again before it goes out. */
import { constants } from 'node:fs'
import { blake3Error } from '../blake3/errors.ts'
import { encode } from '../blake3/encode.ts'
import { type ByteRange, GROUP_BYTES, groupsOf, outboardSize } from '../blake3/geometry.ts'
import type { BlobId } from '../ids.ts'
import { checkBlob, repairOutboard } from './check.ts'
import { type FileHandle, errno } from './disk.ts'
import { blobError } from './errors.ts'
import { sourceOfFiles } from './file-source.ts'
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
  const transfer = receiver.live(id)
  if (transfer !== undefined) {
    const groups = groupsOf(checked(range, transfer.size), transfer.size)
    if (!transfer.partial.verified.hasRange(groups)) throw blobError('blob.unverified', { id, start: range.start, end: range.end })
    yield* encode(sourceOfFiles(transfer.partial), groups, signal)
    return
  }
  const { file, size } = await openBlob(store.layout.blob(id), id)
  let outboard: { path: string; file: FileHandle } | undefined
  try {
    const groups = groupsOf(checked(range, size), size)
    if (size > GROUP_BYTES) outboard = await openOutboard(store, id, file, size, signal)
    const files = { id, size, data: { path: store.layout.blob(id), file } }
    yield* encode(sourceOfFiles(outboard === undefined ? files : { ...files, outboard }), groups, signal)
  } catch (error) {
    if (blake3Error.is(error, 'blake3.altered') || blobError.is(error, 'blob.damaged')) throw await damaged(store, id, file, error)
    throw error
  } finally {
    await file.close()
    await outboard?.file.close()
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

/** Opens the outboard, computing it again if it is missing or has the wrong length. */
async function openOutboard(
  store: Store,
  id: BlobId,
  data: FileHandle,
  size: number,
  signal?: AbortSignal,
): Promise<{ path: string; file: FileHandle }> {
  const path = store.layout.outboard(id)
  for (let repaired = false; ; repaired = true) {
    const found = await openFile(path, constants.O_NOFOLLOW).catch((error: unknown) => {
      if (errno(error) !== 'ENOENT') throw error
    })
    if (found?.size === outboardSize(size)) return { path, file: found.file }
    await found?.file.close()
    if (repaired || !(await repairOutboard(store, id, data, signal))) {
      throw blobError('blob.damaged', { id, reason: 'neither its content nor its outboard is right' })
    }
  }
}

/** Finds out what of a blob is wrong and deals with it; returns the error for the one who asked. */
async function damaged(store: Store, id: BlobId, data: FileHandle, cause: unknown): Promise<Error> {
  const sound = await checkBlob(store, id)
  if (sound) await repairOutboard(store, id, data)
  const reason = sound
    ? 'its outboard did not fit its content and was computed again'
    : 'its content is not what its id says; it is in quarantine'
  return blobError('blob.damaged', { id, reason }, { cause })
}
