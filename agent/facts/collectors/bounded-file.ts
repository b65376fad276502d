/** Reads whole files of the host up to a limit. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { errno } from '../../../shared/errno.ts'
import { MIB } from '../../../shared/units.ts'

/** Bytes between two checks of the signal. */
const READ_BYTES = 4 * MIB

/**
 * Returns the file's bytes, or undefined if there is no such file.
 * @throws RangeError if it has more than `maxBytes`; Error if it is not a regular file
 */
export async function readBounded(
  path: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Buffer | undefined> {
  let file
  try {
    // Without O_NONBLOCK, open(2) on a pipe would block a thread until a writer opens it.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new Error('it is not a regular file')
    const { size } = found
    if (size > maxBytes) throw new RangeError(`it has ${size} bytes, at most ${maxBytes} are read`)
    signal?.throwIfAborted()
    // Reads at most this size, even if the file grows meanwhile.
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
