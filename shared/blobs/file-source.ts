/** Reads what {@link encode} needs from a blob's two files. */
import type { EncodeSource } from '../blake3/encode.ts'
import { HEADER_BYTES, PARENT_BYTES } from '../blake3/geometry.ts'
import type { BlobId } from '../ids.ts'
import { diskFailure, type FileHandle } from './disk.ts'
import { blobError } from './errors.ts'

export interface BlobFiles {
  readonly id: BlobId
  readonly size: number
  readonly data: { readonly path: string; readonly file: FileHandle }
  /** Absent for a blob of one group, which has no parents. */
  readonly outboard?: { readonly path: string; readonly file: FileHandle }
}

/** Throws blob.damaged where a file ends before its time, and blob.disk where it can't be read. */
export function sourceOfFiles({ id, size, data, outboard }: BlobFiles): EncodeSource {
  return {
    root: Buffer.from(id, 'hex'),
    size,
    readContent: (into, position) => readAll(id, data, into, position),
    readParents: async (into, index) => {
      if (outboard === undefined) throw blobError('blob.damaged', { id, reason: 'its outboard is missing' })
      await readAll(id, outboard, [into], HEADER_BYTES + index * PARENT_BYTES)
    },
  }
}

/** Fills `into` from `position` on, or throws. */
async function readAll(id: BlobId, from: { path: string; file: FileHandle }, into: readonly Uint8Array[], position: number): Promise<void> {
  const length = into.reduce((sum, part) => sum + part.length, 0)
  const { bytesRead } = await from.file.readv(into as Uint8Array[], position).catch((error: unknown) => {
    throw diskFailure('reading', from.path, error)
  })
  // A regular file on a local disk is read short only at its end.
  if (bytesRead < length) {
    throw blobError('blob.damaged', { id, reason: `${from.path} ends at byte ${position + bytesRead}, in the middle of it` })
  }
}
