/**
 * Every change that the pool makes to the disk goes through here, so that one place decides how
 * files are opened and what a failure means, and a test can let each single step fail. Nothing
 * follows a symbolic link or writes to a file that was there before.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { diskReason } from '../disk-reason.ts'
import { syncFolder } from '../durable-file.ts'
import { MusterError } from '../errors.ts'
import { type BulkWriter, openBulkWriter } from './bulk.ts'
import { blobError } from './errors.ts'

export type { FileHandle } from 'node:fs/promises'

/**
 * The steps. An implementation may throw whatever the operating system says; {@link guard} turns it
 * into the pool's errors.
 */
export interface Disk {
  /**
   * A new empty file, readable by its owner only; fails if the name exists, be it a dangling link.
   */
  create(path: string): Promise<FileHandle>
  /** An existing file for reading and writing, also one of ours that was sealed. */
  reopen(path: string): Promise<FileHandle>
  /** Writes all of `parts`, one after the other, from `position` on. */
  write(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void>
  /** Another way to write a large file, where there is one (see bulk.ts). Never fails. */
  openBulk(path: string, size: number): Promise<BulkWriter | undefined>
  /** Makes the file read-only for everybody, also for its owner. */
  seal(file: FileHandle): Promise<void>
  /** Waits until the file's contents are on the disk. */
  sync(file: FileHandle): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes the name if it is there. */
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
 * A transfer that broke off between the sealing of its files and their renames goes on with them:
 * they belong to us, so they can be opened up again.
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

/** One writev takes at most this many parts (IOV_MAX is 1,024 on Linux). */
const MAX_PARTS = 1024

async function writeAll(
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let at = position
  for (let i = 0; i < parts.length; i += MAX_PARTS) {
    let rest: readonly Uint8Array[] = parts.slice(i, i + MAX_PARTS)
    // A short write is no error of writev, and what follows it usually names the reason (a full
    // disk); so go on until it does.
    while (rest.length > 0) {
      const { bytesWritten } = await file.writev(rest as Uint8Array[], at)
      at += bytesWritten
      rest = skip(rest, bytesWritten)
    }
  }
}

/** `parts` without their first `count` bytes. */
function skip(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let rest = count
  for (const [i, part] of parts.entries()) {
    if (rest < part.length)
      return rest === 0 ? parts.slice(i) : [part.subarray(rest), ...parts.slice(i + 1)]
    rest -= part.length
  }
  return []
}

/**
 * The pool's view of its disk: failures as the pool's errors, and the one flag that no later
 * success takes back.
 */
export interface GuardedDisk extends Disk {
  /**
   * Throws blob.suspect once an fsync has failed: afterwards the kernel may report success for
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

/**
 * The pool's error for what the operating system said. Errors that are Muster's already pass
 * through.
 */
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

/** The operating system's name for an error, such as ENOENT. */
export function errno(error: unknown): string | undefined {
  return error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    !(error instanceof MusterError)
    ? error.code
    : undefined
}
