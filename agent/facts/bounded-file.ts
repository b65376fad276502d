/** Reads small files of the host whole, and never more of them than the caller expects. */
import { open } from 'node:fs/promises'

/** The file's bytes, or undefined if there is no such file. Throws a RangeError if it has more than `maxBytes`. */
export async function readBounded(path: string, maxBytes: number, signal?: AbortSignal): Promise<Buffer | undefined> {
  let file
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { size } = await file.stat()
    if (size > maxBytes) throw new RangeError(`it has ${size} bytes, at most ${maxBytes} are read`)
    signal?.throwIfAborted()
    return await file.readFile(signal === undefined ? {} : { signal })
  } finally {
    await file.close()
  }
}
