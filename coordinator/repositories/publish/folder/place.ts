/**
 * Puts a blob of the pool at a place of a published tree without copying its bytes where that is
 * possible: reflink, else hard link, else copy. A reflink comes first because a hard link shares
 * the file with the pool, so that a program that writes to the published file in place would change
 * the pool; blobs are read-only for that reason.
 */
import { constants } from 'node:fs'
import { chmod, copyFile, open } from 'node:fs/promises'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import type { BlobId } from '../../../../shared/ids.ts'
import { diskError } from '../errors.ts'

export type Method = 'reflink' | 'hardlink' | 'copy'

export interface Placer {
  /**
   * `to` must not exist; its folder must. With anything but a hard link the new file's bytes are
   * synced.
   */
  place(blob: BlobId, to: string): Promise<Method>
  /** How many files were placed in which way. */
  readonly counts: Readonly<Record<Method, number>>
}

/** The file system can't do this at all: the next file need not try. */
const NEVER = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOSYS', 'EINVAL', 'ENOTTY', 'EPERM'])

/** One placer per tree: it remembers what the file system can't do. */
export function createPlacer(pool: Pick<Pool, 'path' | 'link'>): Placer {
  const counts: Record<Method, number> = { reflink: 0, hardlink: 0, copy: 0 }
  const impossible = new Set<Method>()
  const attempt = async (method: Method, work: () => Promise<void>): Promise<boolean> => {
    if (impossible.has(method)) return false
    try {
      await work()
      return true
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (NEVER.has(code)) impossible.add(method)
      // A file has too many links: only this one is copied.
      else if (code !== 'EMLINK') throw error
      return false
    }
  }
  return {
    counts,
    async place(blob, to) {
      try {
        const method = await placed(blob, to)
        counts[method] += 1
        if (method !== 'hardlink') await settle(to)
        return method
      } catch (error) {
        throw diskError('publishing', to, error)
      }
    },
  }

  async function placed(blob: BlobId, to: string): Promise<Method> {
    const from = pool.path(blob)
    if (
      await attempt('reflink', () =>
        copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE),
      )
    )
      return 'reflink'
    if (await attempt('hardlink', () => pool.link(blob, to))) return 'hardlink'
    await copyFile(from, to, constants.COPYFILE_EXCL)
    return 'copy'
  }
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
