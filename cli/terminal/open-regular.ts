/** Opens a file for writing only if it is a regular one at that moment. */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** A pipe without a reader, a symbolic link, a socket or a device without a driver. */
const NOT_REGULAR: ReadonlySet<unknown> = new Set(['ENXIO', 'ELOOP', 'ENODEV'])

/**
 * Undefined if something else than a regular file stands there. Never waits, follows no link, and
 * changes nothing. @throws the system's error, ENOENT among them
 */
export async function openRegular(path: string): Promise<FileHandle | undefined> {
  const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW, O_NOCTTY } = constants
  let file: FileHandle
  try {
    file = await open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY)
  } catch (error) {
    if (NOT_REGULAR.has((error as NodeJS.ErrnoException).code)) return undefined
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
