/**
 * Makes all changes of the pool on the disk. Only this module opens files and reports failures, and
 * a test can let each step fail. No step follows a symbolic link or writes to an existing file.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { diskReason } from '../disk-reason.ts'
import { syncFolder } from '../durable-file.ts'
import { errno } from '../errno.ts'
import { MusterError } from '../errors.ts'
import { type BulkWriter, openBulkWriter } from './bulk.ts'
import { blobError } from './errors.ts'

export type { FileHandle } from 'node:fs/promises'

/**
 * The steps. An implementation may throw errors of the operating system; {@link guard} turns them
 * into the pool's errors.
 */
export interface Disk {
  /**
   * Creates an empty file, readable by its owner only. Fails if the name exists, also as a dangling
   * link.
   */
  create(path: string): Promise<FileHandle>
  /** Opens an existing file for reading and writing, also if the pool made it read-only. */
  reopen(path: string): Promise<FileHandle>
  /** Writes all `parts` one after another, starting at `position`. */
  write(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void>
  /** Opens a direct writer for a large file, if supported (see bulk.ts). Never fails. */
  openBulk(path: string, size: number): Promise<BulkWriter | undefined>
  /** Makes the file read-only for all users, including its owner. */
  seal(file: FileHandle): Promise<void>
  /** Waits until the file's contents are on the disk. */
  sync(file: FileHandle): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes the name if it exists. */
  remove(path: string): Promise<void>
  syncFolder(path: string): Promise<void>
}

export const systemDisk: Disk = {
  create: (path) =>
    open(
      path,
      constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    ),
  reopen,
  write: writeAll,
  openBulk: openBulkWriter,
  seal: (file) => file.chmod(0o444),
  sync: (file) => file.sync(),
  rename,
  remove: async (path) => {
    try {
      await unlink(path)
    } catch (error) {
      if (errno(error) !== 'ENOENT') throw error
    }
  },
  syncFolder,
}

/**
 * Opens a read-only file of the pool for writing. A transfer that was killed before it renamed its
 * read-only files resumes with them. The pool's user owns the files and may change their mode.
 */
async function reopen(path: string): Promise<FileHandle> {
  const writable = (): Promise<FileHandle> => open(path, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    return await writable()
  } catch (error) {
    if (errno(error) !== 'EACCES') throw error
  }
  const sealed = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    await sealed.chmod(0o600)
  } finally {
    await sealed.close()
  }
  return writable()
}

/** The maximum number of parts in one writev call (IOV_MAX is 1,024 on Linux). */
const MAX_PARTS = 1024

async function writeAll(
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let at = position
  for (let i = 0; i < parts.length; i += MAX_PARTS) {
    let rest = parts.slice(i, i + MAX_PARTS)
    // A short write isn't an error. The next call usually fails with the reason, such as a full
    // disk.
    while (rest.length > 0) {
      const { bytesWritten } = await file.writev(rest, at)
      at += bytesWritten
      rest = skip(rest, bytesWritten)
    }
  }
}

/** Returns `parts` without their first `count` bytes. */
function skip(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let rest = count
  for (const [i, part] of parts.entries()) {
    if (rest < part.length)
      return rest === 0 ? parts.slice(i) : [part.subarray(rest), ...parts.slice(i + 1)]
    rest -= part.length
  }
  return []
}

/**
 * Converts failures of the disk to the pool's errors. A failed sync sets a flag that no later
 * success clears.
 */
export interface GuardedDisk extends Disk {
  /**
   * Throws blob.suspect after an fsync has failed, because the kernel may then report success for
   * pages that it dropped.
   */
  admit(): void
}

export function guard(disk: Disk, folder: string): GuardedDisk {
  let suspect = false
  const guarded =
    <A extends unknown[], R>(
      operation: string,
      path: (...args: NoInfer<A>) => string,
      run: (...args: A) => Promise<R>,
    ) =>
    async (...args: A): Promise<R> => {
      try {
        return await run(...args)
      } catch (error) {
        const failure = diskFailure(operation, path(...args), error)
        if (operation === 'sync' && !blobError.is(failure, 'blob.no-space')) suspect = true
        throw failure
      }
    }
  const named = (path: string): string => path
  const ofPool = (): string => `a file in ${folder}`
  return {
    admit: () => {
      if (suspect) throw blobError('blob.suspect', { folder })
    },
    create: guarded('creation', named, disk.create),
    reopen: guarded('opening', named, disk.reopen),
    write: guarded('writing', ofPool, disk.write),
    openBulk: disk.openBulk,
    seal: guarded('sealing', ofPool, disk.seal),
    sync: guarded('sync', ofPool, disk.sync),
    rename: guarded('renaming', (_from, to) => to, disk.rename),
    remove: guarded('removal', named, disk.remove),
    syncFolder: guarded('sync', named, disk.syncFolder),
  }
}

/** Converts an error of the operating system to the pool's error. Muster's errors pass through. */
export function diskFailure(operation: string, path: string, error: unknown): Error {
  if (error instanceof MusterError) return error
  const code = errno(error)
  if (code === undefined) return error instanceof Error ? error : new Error(String(error))
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
    return blobError(
      'blob.no-space',
      { folder: path, reason: diskReason(error) ?? code },
      { cause: error },
    )
  return blobError(
    'blob.disk',
    { operation, path, reason: diskReason(error) ?? code },
    { cause: error },
  )
}
