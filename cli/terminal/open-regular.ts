/** Opens a path for writing only if it is a regular file at that moment. */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { errno } from '../../shared/errno.ts'

/** Errors for a pipe without a reader, a symbolic link, a socket, a device without a driver. */
const NOT_REGULAR: ReadonlySet<unknown> = new Set(['ENXIO', 'ELOOP', 'ENODEV'])

/**
 * Returns undefined if the path is not a regular file. Doesn't wait, follow a link or change
 * anything.
 * @throws the system's error, such as ENOENT
 */
export async function openRegular(path: string): Promise<FileHandle | undefined> {
  const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW, O_NOCTTY } = constants
  let file: FileHandle
  try {
    file = await open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY)
  } catch (error) {
    if (NOT_REGULAR.has(errno(error))) return undefined
    throw error
  }
  try {
    if ((await file.stat()).isFile()) return file
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  return undefined
}
