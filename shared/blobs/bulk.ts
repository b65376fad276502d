/**
 * Writes of a large incoming blob past the page cache (O_DIRECT): it would push everything else out
 * of it, and copying a gigabyte through it costs more processor time than hashing it. Only whole,
 * aligned batches go this way; whatever doesn't is left to the ordinary write, so nothing fails
 * because of it.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * Smaller blobs are likely to be read again at once (by dnf, by the next peer), and the page cache
 * is where they should be then.
 */
export const BULK_BLOB_BYTES = 64 * 1024 * 1024
/**
 * What O_DIRECT asks of position and length on every usual file system, and of the memory on every
 * usual disk (open(2), NOTES).
 */
const FILE_ALIGNMENT = 4096
const MEMORY_ALIGNMENT = 512

export interface BulkWriter {
  /**
   * True if all the bytes are in the file. False if they must be written in the ordinary way:
   * unaligned, or the file system won't. Never throws.
   */
  write(bytes: Uint8Array, position: number): Promise<boolean>
  close(): Promise<void>
}

/**
 * A second handle on the file of a blob of `size` bytes; undefined for small blobs, and where the
 * file system has no such writes.
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
        // No such writes here after all, or the disk is full or broken: the ordinary write finds
        // that out and says so.
        usable = false
        return false
      }
    },
    close: () => handle.close().catch(() => undefined),
  }
}
