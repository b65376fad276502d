/**
 * The files of a log below one folder. Each is written durably and read back before its content is
 * signed.
 */
import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TileName, TILE_WIDTH, tilePath } from '../../shared/audit/tile.ts'
import { sameHash } from '../../shared/audit/tree.ts'
import { asError } from '../../shared/as-error.ts'
import { diskReason } from '../../shared/disk-reason.ts'
import { syncFolder, writeDurable } from '../../shared/durable-file.ts'
import { errno } from '../../shared/errno.ts'
import type { Random } from '../../shared/random.ts'
import { ledgerError } from './errors.ts'

export interface TileFiles {
  readonly folder: string
  /**
   * Writes a file and its folders so that they survive a power loss, then reads the file back.
   * @throws ledger.storage, ledger.read-back
   */
  write(path: string, bytes: Uint8Array): Promise<void>
  /** Returns the content; undefined if there is no such file. @throws ledger.storage */
  read(path: string): Promise<Uint8Array | undefined>
  /**
   * Tries to remove partial tiles that these tiles replace. Old partial tiles are never read.
   */
  prune(current: readonly TileName[]): Promise<void>
}

/**
 * @param deps.readBack reads a file that was just written. Tests pass one that returns other bytes.
 * @param options.mode permission bits of the files
 */
export function tileFiles(
  deps: { random: Random; readBack?: (path: string) => Promise<Uint8Array> },
  options: { folder: string; mode: number },
): TileFiles {
  const { folder, mode } = options
  const { readBack = readFile } = deps
  const folders = new DurableFolders(folder)
  return {
    folder,
    async write(path, bytes) {
      const target = join(folder, path)
      let stored: Uint8Array
      try {
        await folders.ensure(dirname(target))
        await writeDurable(deps, target, bytes, { mode })
        // The page cache returns the bytes. So this finds faults of memory and of this program, but
        // not of the disk. `verify` reads the files again.
        stored = await readBack(target)
      } catch (cause) {
        throw ledgerError('ledger.storage', { path: target, reason: reasonOf(cause) }, { cause })
      }
      if (!sameHash(stored, bytes)) throw ledgerError('ledger.read-back', { path: target })
    },
    async read(path) {
      try {
        return await readFile(join(folder, path))
      } catch (cause) {
        if (errno(cause) === 'ENOENT') return undefined
        const about = { path: join(folder, path), reason: reasonOf(cause), operation: 'reading' }
        throw ledgerError('ledger.storage', about, { cause })
      }
    },
    prune: (current) => prunePartialTiles(folders, folder, current),
  }
}

/** Creates folders that survive a power loss. */
class DurableFolders {
  readonly #root: string
  /** The folders that exist durably. */
  readonly #known = new Set<string>()

  constructor(root: string) {
    this.#root = root
  }

  async ensure(path: string): Promise<void> {
    if (this.#known.has(path)) return
    if (path !== this.#root) await this.ensure(dirname(path))
    try {
      await mkdir(path, { recursive: path === this.#root, mode: 0o755 })
    } catch (error) {
      if (errno(error) !== 'EEXIST') throw error
    }
    await syncFolder(dirname(path))
    this.#known.add(path)
  }

  /** Removes a folder if it is empty. */
  async removeEmpty(path: string): Promise<void> {
    const isRemoved = await rmdir(path).then(
      () => true,
      () => false,
    )
    if (isRemoved) this.#known.delete(path)
  }
}

/** Removes the partial tiles that are not in `current`. */
async function prunePartialTiles(
  folders: DurableFolders,
  folder: string,
  current: readonly TileName[],
): Promise<void> {
  const partial = current.filter((name) => name.width < TILE_WIDTH)
  const keep = new Set(partial.map((name) => join(folder, tilePath(name))))
  // A partial tile is in `NNN.p/`, beside the other tiles of its thousand.
  const parents = new Set(
    current.map((name) => dirname(join(folder, tilePath({ ...name, width: TILE_WIDTH })))),
  )
  for (const parent of parents) {
    const names = await namesIn(parent)
    for (const name of names.filter((each) => each.endsWith('.p')))
      await pruneFolder(folders, join(parent, name), keep)
  }
}

async function pruneFolder(
  folders: DurableFolders,
  folder: string,
  keep: ReadonlySet<string>,
): Promise<void> {
  const paths = (await namesIn(folder)).map((name) => join(folder, name))
  for (const path of paths)
    if (!keep.has(path)) await rm(path, { force: true }).catch(() => undefined)
  await folders.removeEmpty(folder)
}

/** Returns the names in a folder; none if it can't be read. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

function reasonOf(cause: unknown): string {
  return diskReason(cause) ?? asError(cause).message
}
