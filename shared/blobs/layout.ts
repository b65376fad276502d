/**
 * Creates the folders of a pool, and checks that other users can't change them. `blobs/ab/<id>` and
 * `<id>.outboard` beside it are read-only. `temporary/` is for ingests, `partial/` for transfers,
 * `quarantine/` for damaged files. Names consist only of validated ids and random digits.
 */
import type { Stats } from 'node:fs'
import { lstat, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { type BlobId, blobId } from '../ids.ts'
import type { Random } from '../random.ts'
import { realPath } from '../verbatim-path.ts'
import { errno } from '../errno.ts'
import type { GuardedDisk } from './disk.ts'
import { blobError } from './errors.ts'

export interface Layout {
  readonly folder: string
  readonly blobs: string
  readonly temporary: string
  readonly partial: string
  readonly quarantine: string
  /** Returns the path of the blob's file. Throws id.malformed if the argument isn't an id. */
  blob(id: BlobId): string
  outboard(id: BlobId): string
  /** Removes partial blobs without progress for a week, except those whose name `live` accepts. */
  sweepPartial(live: (name: string) => boolean): Promise<void>
  /** Returns the folder of the blob's file. It is created if it is absent, and checked once. */
  shard(id: BlobId): Promise<string>
}

/**
 * Files in `temporary/` are removed after this time without a write. A running writer is never this
 * slow.
 */
const STALE_TEMPORARY_MS = 3_600_000
/** Partial blobs are removed after this time without progress. */
const STALE_PARTIAL_MS = 7 * 86_400_000

/**
 * Creates absent folders, rejects those that other users could change, and removes files that
 * crashes left.
 */
export async function openLayout(
  deps: { disk: GuardedDisk; clock: Clock },
  path: string,
): Promise<Layout> {
  await mkdir(path, { recursive: true })
  // An administrator may link the whole pool to another volume. No other link is followed.
  const folder = await realPath(path)
  await checkFolder(folder, 0o002)
  const sub = (name: string): Promise<string> =>
    openFolder(join(folder, name), name === 'blobs' ? 0o755 : 0o700)
  const [blobs, temporary, partial, quarantine] = [
    await sub('blobs'),
    await sub('temporary'),
    await sub('partial'),
    await sub('quarantine'),
  ]
  await deps.disk.syncFolder(folder)
  await sweep(deps, temporary, STALE_TEMPORARY_MS)
  await sweep(deps, partial, STALE_PARTIAL_MS)

  const shards = new Set<string>()
  const blob = (id: BlobId): string => join(blobs, blobId.parse(id).slice(0, 2), id)
  return {
    folder,
    blobs,
    temporary,
    partial,
    quarantine,
    blob,
    outboard: (id) => `${blob(id)}.outboard`,
    sweepPartial: (live) => sweep(deps, partial, STALE_PARTIAL_MS, live),
    shard: async (id) => {
      const shard = join(blobs, blobId.parse(id).slice(0, 2))
      if (!shards.has(shard)) {
        await openFolder(shard, 0o755)
        await deps.disk.syncFolder(blobs)
        shards.add(shard)
      }
      return shard
    },
  }
}

/** Returns an unpredictable, unique name of 16 random bytes. */
export function drawName(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex')
}

/** Returns the lstat of a path. Undefined if the path doesn't exist. */
export async function statIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
}

async function openFolder(path: string, mode: number): Promise<string> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (errno(error) !== 'EEXIST')
      throw blobError(
        'blob.folder',
        { path, expected: 'to make it', got: errno(error) ?? String(error) },
        { cause: error },
      )
  }
  await checkFolder(path, 0o022)
  return path
}

/**
 * Rejects a link, a file, a folder of another user, and a folder with a mode bit of `forbidden`.
 */
async function checkFolder(path: string, forbidden: number): Promise<void> {
  const stat = await lstat(path)
  const self = process.geteuid?.() ?? stat.uid
  if (!stat.isDirectory())
    throw blobError('blob.folder', {
      path,
      expected: 'a folder',
      got: stat.isSymbolicLink() ? 'a symbolic link' : 'a file',
    })
  if (self !== 0 && stat.uid !== self && stat.uid !== 0) {
    throw blobError('blob.folder', {
      path,
      expected: `a folder of user ${self}`,
      got: `one of user ${stat.uid}`,
    })
  }
  if ((stat.mode & forbidden) !== 0) {
    throw blobError('blob.folder', {
      path,
      expected: 'that only its owner can write to it',
      got: `mode ${(stat.mode & 0o777).toString(8)}`,
    })
  }
}

async function sweep(
  deps: { disk: GuardedDisk; clock: Clock },
  folder: string,
  staleMs: number,
  live: (name: string) => boolean = () => false,
): Promise<void> {
  const before = deps.clock.now() - staleMs
  for (const name of await readdir(folder)) {
    if (live(name)) continue
    const path = join(folder, name)
    const stat = await statIfAny(path)
    if (stat !== undefined && stat.mtimeMs < before) await deps.disk.remove(path)
  }
}
