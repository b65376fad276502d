/**
 * Places a blob of the pool in a published tree: as a clone, else a hard link, else a copy. A clone
 * is preferred, because a write to a hard link would change the pool. Blobs are read-only for the
 * same reason.
 */
import { constants } from 'node:fs'
import { chmod, copyFile, open } from 'node:fs/promises'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import { errno } from '../../../../shared/errno.ts'
import type { BlobId } from '../../../../shared/ids.ts'
import { diskError } from '../errors.ts'

export type Method = 'reflink' | 'hardlink' | 'copy'

export interface Placer {
  /** Places a blob at `to`, which must not exist. Its folder must. A clone or copy is durable. */
  place(blob: BlobId, to: string): Promise<Method>
  /** The number of files that each method placed. */
  readonly counts: Readonly<Record<Method, number>>
}

/** Errors after which the file system can't do this for any file. Later files don't try it. */
const NEVER = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOSYS', 'EINVAL', 'ENOTTY', 'EPERM'])

/** Creates the placer of one tree. It remembers which methods the file system doesn't support. */
export function createPlacer(pool: Pick<Pool, 'path' | 'link'>): Placer {
  const counts: Record<Method, number> = { reflink: 0, hardlink: 0, copy: 0 }
  const attempts = new Attempts()
  return {
    counts,
    async place(blob, to) {
      try {
        const method = await placeBy(attempts, pool, blob, to)
        counts[method] += 1
        if (method !== 'hardlink') await settle(to)
        return method
      } catch (error) {
        throw diskError('publishing', to, error)
      }
    },
  }
}

/** Tries methods, and remembers those that this file system doesn't support. */
class Attempts {
  readonly #impossible = new Set<Method>()

  async try(method: Method, work: () => Promise<void>): Promise<boolean> {
    if (this.#impossible.has(method)) return false
    try {
      await work()
      return true
    } catch (error) {
      const code = errno(error) ?? ''
      if (NEVER.has(code)) this.#impossible.add(method)
      // This file already has too many links. Only this file is copied.
      else if (code !== 'EMLINK') throw error
      return false
    }
  }
}

/** Makes a clone if possible, else a hard link, else a copy. */
async function placeBy(
  attempts: Attempts,
  pool: Pick<Pool, 'path' | 'link'>,
  blob: BlobId,
  to: string,
): Promise<Method> {
  const from = pool.path(blob)
  const clone = (): Promise<void> =>
    copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
  if (await attempts.try('reflink', clone)) return 'reflink'
  if (await attempts.try('hardlink', () => pool.link(blob, to))) return 'hardlink'
  await copyFile(from, to, constants.COPYFILE_EXCL)
  return 'copy'
}

async function settle(path: string): Promise<void> {
  await chmod(path, 0o444)
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
