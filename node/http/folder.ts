/**
 * Serves a folder on disk, but only its regular files and folders. Symbolic links, devices and
 * sockets are not served, so a client can't reach files outside of the folder.
 */
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { defined } from '../../shared/defined.ts'
import { errno } from '../../shared/errno.ts'
import { type FolderEntry, MAX_ENTRIES, type Served } from './served.ts'

/** The number of bytes of one read. It is large enough for the speed of the disk. */
const READ_BYTES = 256 * 1024

const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES'])

/** Finds the file or folder at `segments` below `root`. Calls `cacheControl` for each file. */
export async function resolveInFolder(
  root: string,
  segments: readonly string[],
  options: { cacheControl?: (segments: readonly string[]) => string | undefined } = {},
): Promise<Served | undefined> {
  try {
    let path = root
    for (const segment of segments.slice(0, -1)) {
      path = join(path, segment)
      if (!(await lstat(path)).isDirectory()) return undefined
    }
    path = join(path, ...segments.slice(-1))
    const stats = await lstat(path, { bigint: true })
    if (stats.isDirectory()) return { kind: 'folder', entries: () => list(path) }
    if (!stats.isFile()) return undefined
    return await openFile(path, options.cacheControl?.(segments))
  } catch (error) {
    if (ABSENT.has(errno(error) ?? '')) return undefined
    throw error
  }
}

async function openFile(path: string, cacheControl: string | undefined): Promise<Served> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = await handle.stat({ bigint: true })
    // A published file never changes in place, so its inode identifies its bytes.
    const parts = [stats.ino, stats.size, stats.mtimeNs].map((part) => part.toString(36))
    const etag = `"${parts.join('-')}"`
    return {
      kind: 'file',
      size: Number(stats.size),
      etag,
      modifiedAt: Number(stats.mtimeMs),
      ...defined({ cacheControl }),
      read: (range) =>
        handle.createReadStream({
          autoClose: false,
          highWaterMark: READ_BYTES,
          ...defined({ start: range?.start, end: range && range.end - 1 }),
        }),
      close: () => handle.close(),
    }
  } catch (error) {
    await closeQuietly(handle)
    throw error
  }
}

async function closeQuietly(handle: FileHandle): Promise<void> {
  try {
    await handle.close()
  } catch {
    // An earlier error has the cause. The caller throws it.
  }
}

async function list(path: string): Promise<FolderEntry[]> {
  const found = (await readdir(path, { withFileTypes: true }))
    .filter((each) => each.isDirectory() || each.isFile())
    .slice(0, MAX_ENTRIES)
  const entries: FolderEntry[] = []
  for (const each of found) {
    if (each.isDirectory()) {
      entries.push({ name: each.name, kind: 'folder' })
      continue
    }
    const stats = await lstat(join(path, each.name))
    entries.push({ name: each.name, kind: 'file', size: stats.size, modifiedAt: stats.mtimeMs })
  }
  return entries
}
