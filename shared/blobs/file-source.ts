/** Reads a blob's content and tree nodes from its two files, for {@link encode}. */
import type { EncodeSource } from '../blake3/encode.ts'
import { HEADER_BYTES, PARENT_BYTES } from '../blake3/geometry.ts'
import type { BlobId } from '../ids.ts'
import { diskFailure, type FileHandle } from './disk.ts'
import { blobError } from './errors.ts'

export interface BlobFiles {
  readonly id: BlobId
  readonly size: number
  readonly data: { readonly path: string; readonly file: FileHandle }
  /** Absent for a blob of one group, because it has no tree nodes. */
  readonly outboard?: { readonly path: string; readonly file: FileHandle }
}

/**
 * Makes a source of the two files. Reads throw blob.damaged if a file is too short, and blob.disk
 * if it can't be read.
 */
export function sourceOfFiles({ id, size, data, outboard }: BlobFiles): EncodeSource {
  return {
    root: Buffer.from(id, 'hex'),
    size,
    readContent: async (into, position) => {
      const got = await read(data, into, position)
      // A read from a regular file on a local disk is short only at its end.
      if (got < into.length)
        throw blobError('blob.damaged', {
          id,
          reason: `its content ends at byte ${position + got}, in the middle of it`,
        })
    },
    readParents: async (into, index) => {
      if (outboard === undefined)
        throw blobError('blob.damaged', { id, reason: 'its outboard is missing' })
      const got = Math.floor(
        (await read(outboard, into, HEADER_BYTES + index * PARENT_BYTES)) / PARENT_BYTES,
      )
      if (got === 0)
        throw blobError('blob.damaged', { id, reason: `its outboard ends before parent ${index}` })
      return got
    },
  }
}

async function read(
  from: { path: string; file: FileHandle },
  into: Uint8Array,
  position: number,
): Promise<number> {
  try {
    const { bytesRead } = await from.file.read(into, 0, into.length, position)
    return bytesRead
  } catch (error) {
    throw diskFailure('reading', from.path, error)
  }
}
