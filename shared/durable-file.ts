/**
 * Files that survive a crash whole or not at all: written beside their target, fsynced, renamed over it, and the folder fsynced.
 */
import { constants } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Random } from './random.ts'

export interface DurableWriteOptions {
  /** Permission bits of the new file. */
  mode?: number
  /** Fails with EEXIST if the target exists, instead of replacing it. */
  exclusive?: boolean
}

/** Writes `data` to `path` atomically and durably. Once it resolves, a power loss keeps the new contents. */
export async function writeDurable(
  deps: { random: Random },
  path: string,
  data: Uint8Array | string,
  options: DurableWriteOptions = {},
): Promise<void> {
  const mode = options.mode ?? 0o600
  if (options.exclusive === true) {
    const target = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode)
    try {
      await target.writeFile(data)
      await target.sync()
    } finally {
      await target.close()
    }
    // Crash before this: the file may be missing or short. Exclusive writers make homes; `init` refuses a home that is not whole.
    return syncFolder(dirname(path))
  }
  const temporary = join(dirname(path), `.${basename(path)}.${Buffer.from(deps.random.bytes(6)).toString('hex')}.tmp`)
  try {
    const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode)
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    // Crash here: the old file stands, and an orphan .tmp that nothing reads.
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** Makes the folder's own entries (creations, renames, removals) durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
