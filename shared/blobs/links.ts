/**
 * Adds and removes hard links to the pool's files. A link changes a file's change time. The record
 * of verified files is updated for each link, so that published files are not hashed again.
 */
import { type BigIntStats, linkSync, lstatSync, unlinkSync } from 'node:fs'
import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { BlobId } from '../ids.ts'
import { errno } from '../errno.ts'
import type { Store } from './store.ts'

/**
 * The number of files that are handled without a pause for other work. The calls are synchronous,
 * which makes them five times faster. So no other work of this process changes a file between its
 * two checks.
 */
const WITHOUT_PAUSE = 8

/** Makes `to` a hard link to the blob's file. @throws errors of the file system */
export async function linkBlob(store: Store, id: BlobId, to: string): Promise<void> {
  // Callers link many files concurrently, and all of them continue after one pause.
  await setImmediate()
  const from = store.layout.blob(id)
  const before = look(from)
  linkSync(from, to)
  if (before !== undefined) store.verified.relinked(id, before, look(from), 1)
}

/**
 * Removes a folder whose files may be hard links to blobs. Follows no symbolic link. Does nothing
 * if the folder is absent. @throws errors of the file system
 */
export async function removeFolder(store: Store, folder: string): Promise<void> {
  const files = await linkedFiles(folder)
  const blobs = await store.verified.byInode(new Set(files.values()))
  await inGroups([...files], ([path, inode]) => {
    const id = blobs.get(inode)
    if (id !== undefined) unlinkBlob(store, id, path)
  })
  // Crash before this: a part of the folder remains, and the caller removes it again.
  await rm(folder, { recursive: true, force: true })
}

/** Returns the files below the folder that have another name, with their inodes. */
async function linkedFiles(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const stats = await lstat(folder).catch(unlessGone)
  if (stats?.isDirectory() !== true) return files
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  await inGroups(entries, (entry) => {
    if (!entry.isFile()) return
    const path = join(entry.parentPath, entry.name)
    const found = look(path)
    if (found !== undefined && found.nlink > 1n) files.set(path, String(found.ino))
  })
  return files
}

function unlinkBlob(store: Store, id: BlobId, path: string): void {
  const before = look(path)
  if (before === undefined) return
  unlinkSync(path)
  store.verified.relinked(id, before, look(store.layout.blob(id)), -1)
}

async function inGroups<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  for (let at = 0; at < items.length; at += WITHOUT_PAUSE) {
    await setImmediate()
    for (const item of items.slice(at, at + WITHOUT_PAUSE)) work(item)
  }
}

function look(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

function unlessGone(error: unknown): undefined {
  if (errno(error) === 'ENOENT') return undefined
  throw error
}
