/**
 * Writes large incoming blobs past the page cache (O_DIRECT). Through the cache, a gigabyte would
 * displace everything else in it, and the copy costs more CPU time than the hashing. Only whole,
 * aligned batches are written this way. The caller writes the rest normally, so nothing fails
 * because of it.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * Smaller blobs are likely to be read again soon (by dnf, by the next peer), so they belong in the
 * page cache.
 */
export const BULK_BLOB_BYTES = 64 * 1024 * 1024
/**
 * The alignment of position and length that O_DIRECT requires on common file systems, and that of
 * the memory on common disks (open(2), NOTES).
 */
const FILE_ALIGNMENT = 4096
const MEMORY_ALIGNMENT = 512

export interface BulkWriter {
  /**
   * True if all the bytes are in the file. False if the caller must write them normally: they are
   * unaligned, or the file system rejects such writes. Never throws.
   */
  write(bytes: Uint8Array, position: number): Promise<boolean>
  close(): Promise<void>
}

/**
 * A second handle on the file of a blob of `size` bytes. Undefined for small blobs and on file
 * systems without O_DIRECT.
 */
export async function openBulkWriter(path: string, size: number): Promise<BulkWriter | undefined> {
  if (size < BULK_BLOB_BYTES || constants.O_DIRECT === undefined) return undefined
  let file: FileHandle | undefined
  try {
    file = await open(path, constants.O_WRONLY | constants.O_DIRECT | constants.O_NOFOLLOW)
  } catch {
    return undefined
  }
  const handle = file
  let usable = true
  return {
    write: async (bytes, position) => {
      const aligned =
        position % FILE_ALIGNMENT === 0 &&
        bytes.length % FILE_ALIGNMENT === 0 &&
        bytes.byteOffset % MEMORY_ALIGNMENT === 0
      if (!usable || !aligned) return false
      try {
        const { bytesWritten } = await handle.write(bytes, 0, bytes.length, position)
        return bytesWritten === bytes.length
      } catch {
        // O_DIRECT isn't supported here, or the disk is full or broken: the normal write reports
        // which.
        usable = false
        return false
      }
    },
    close: () => handle.close().catch(() => undefined),
  }
}
