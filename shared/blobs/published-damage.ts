/**
 * Finds damaged files that are still published. A published tree has hard links, so it serves a
 * file of the pool also after the file was moved to quarantine. Reads only names and attributes of
 * files.
 */
import { lstatSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { errno } from '../errno.ts'
import { diskFailure } from './disk.ts'

/**
 * Returns paths below `trees` whose files are in the pool's quarantine folder. Stops after `ms` and
 * returns the paths found so far.
 * @throws blob.disk, the signal's reason
 */
export async function publishedDamage(
  deps: { clock: Clock },
  { pool, trees, ms }: { pool: string; trees: readonly string[]; ms: number },
  signal: AbortSignal,
): Promise<string[]> {
  const damaged = new Set<bigint>()
  for (const name of await namesIn(join(pool, 'quarantine')))
    damaged.add(lookAt(join(pool, 'quarantine', name))?.ino ?? 0n)
  if (damaged.size === 0) return []
  const end = deps.clock.monotonic() + ms
  const found: string[] = []
  const folders = await Promise.all(trees.map((tree) => realpath(tree).catch(() => tree)))
  // Folders that are found are added, and are visited after the others.
  for (const folder of folders) {
    signal.throwIfAborted()
    if (deps.clock.monotonic() > end) return found
    for (const { path, inode, isFolder } of await entriesIn(folder)) {
      if (isFolder) folders.push(path)
      else if (damaged.has(inode)) found.push(path)
    }
  }
  return found
}

interface FolderEntry {
  readonly path: string
  readonly inode: bigint
  readonly isFolder: boolean
}

/** Returns the files and folders in a folder. */
async function entriesIn(folder: string): Promise<FolderEntry[]> {
  return (await namesIn(folder)).flatMap((name) => {
    const path = join(folder, name)
    const stats = lookAt(path)
    const isFolder = stats?.isDirectory() === true
    if (stats === undefined || (!isFolder && !stats.isFile())) return []
    return [{ path, inode: stats.ino, isFolder }]
  })
}

const lookAt = (path: string) => lstatSync(path, { bigint: true, throwIfNoEntry: false })

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return []
    throw diskFailure('reading', folder, error)
  }
}
