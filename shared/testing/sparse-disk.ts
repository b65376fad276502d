/**
 * A pool's disk that stores pieces of zeros as holes. Tests can move gigabytes of zeros through a
 * pool and write almost nothing.
 */
import { type Disk, type FileHandle, systemDisk } from '../blobs/disk.ts'
import { MIB } from '../units.ts'

const ZEROS = Buffer.alloc(MIB)

/**
 * Only one byte is written for each piece. It sets the file's length, and the file system leaves
 * the rest empty.
 */
async function write(
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let at = position
  for (const part of parts) {
    if (isZeros(part)) await systemWrite(file, [ZEROS.subarray(0, 1)], at + part.length - 1)
    else await systemWrite(file, [part], at)
    at += part.length
  }
}

const systemWrite = systemDisk.write

function isZeros(part: Uint8Array): boolean {
  if (part.length === 0) return false
  for (let at = 0; at < part.length; at += ZEROS.length) {
    const piece = part.subarray(at, at + ZEROS.length)
    if (Buffer.compare(piece, ZEROS.subarray(0, piece.length)) !== 0) return false
  }
  return true
}

export const sparseDisk: Disk = { ...systemDisk, write, openBulk: async () => undefined }

/** Makes every pool of this process sparse. */
export function useSparseDisk(): void {
  Object.assign(systemDisk, sparseDisk)
}
