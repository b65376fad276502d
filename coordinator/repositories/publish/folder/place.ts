/**
 * Places a blob of the pool in a published tree: as a clone, else a hard link, else a copy. A clone
 * is preferred because a program that writes to a hard link changes the pool. For the same reason
 * blobs are read-only.
 */
import { constants } from 'node:fs'
import { chmod, copyFile, open } from 'node:fs/promises'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import { errno } from '../../../../shared/errno.ts'
import type { BlobId } from '../../../../shared/ids.ts'
import { diskError } from '../errors.ts'

export type Method = 'reflink' | 'hardlink' | 'copy'

export interface Placer {
  /** `to` must not exist, and its folder must. A clone or copy is durable. */
  place(blob: BlobId, to: string): Promise<Method>
  /** How many files were placed in which way. */
  readonly counts: Readonly<Record<Method, number>>
}

/** The file system can't do this for any file, so the next file doesn't try. */
const NEVER = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOSYS', 'EINVAL', 'ENOTTY', 'EPERM'])

/** Each tree has one placer, which remembers what the file system can't do. */
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

/** Tries methods, and remembers those that this file system can't do. */
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
      // This file has too many links; only it is copied.
      else if (code !== 'EMLINK') throw error
      return false
    }
  }
}

/** A clone if possible, else a hard link, else a copy. */
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
