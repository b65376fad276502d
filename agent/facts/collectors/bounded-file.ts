/** Reads small files of the host whole, and never more of them than the caller expects. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { MIB } from '../../../shared/units.ts'

/** Between two looks at the signal. */
const READ_BYTES = 4 * MIB

/**
 * The file's bytes, or undefined if there is no such file.
 * @throws RangeError if it has more than `maxBytes`; Error if it is not a regular file
 */
export async function readBounded(
  path: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Buffer | undefined> {
  let file
  try {
    // Opening a pipe would wait for a writer, and hold a thread of the process while it waits.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new Error('it is not a regular file')
    const { size } = found
    if (size > maxBytes) throw new RangeError(`it has ${size} bytes, at most ${maxBytes} are read`)
    signal?.throwIfAborted()
    // By its size and not to its end: a file that grows while it is read is not read further.
    const bytes = Buffer.alloc(size)
    let at = 0
    while (at < size) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(bytes, at, Math.min(READ_BYTES, size - at), at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    return bytes.subarray(0, at)
  } finally {
    await file.close()
  }
}
