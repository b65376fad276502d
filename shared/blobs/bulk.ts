/**
 * Writes large incoming blobs past the page cache (O_DIRECT). A gigabyte would displace all other
 * data in the cache, and the copy takes more CPU time than the hashing. Only whole, aligned batches
 * are written this way. The caller writes all other bytes normally.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * Smaller blobs are likely to be read again soon (by dnf, by the next peer), so they belong in the
 * page cache.
 */
export const BULK_BLOB_BYTES = 64 * 1024 * 1024
/**
 * The alignment that O_DIRECT requires for position and length on common file systems, and for the
 * memory on common disks (open(2), NOTES).
 */
const FILE_ALIGNMENT = 4096
const MEMORY_ALIGNMENT = 512

export interface BulkWriter {
  /**
   * Writes the bytes and returns true. Returns false if the caller must write them normally,
   * because they are unaligned or the file system rejects such writes. Never throws.
   */
  write(bytes: Uint8Array, position: number): Promise<boolean>
  close(): Promise<void>
}

/**
 * Opens a second handle on the file of a blob of `size` bytes. Returns undefined for small blobs
 * and on file systems without O_DIRECT.
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
        // O_DIRECT isn't supported here, or the disk is full or broken. The normal write reports
        // the reason.
        usable = false
        return false
      }
    },
    close: () => handle.close().catch(() => undefined),
  }
}
