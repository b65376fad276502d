/**
 * The files of a log below one folder. Each is written durably and read back before its content is
 * signed.
 */
import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TileName, TILE_WIDTH, tilePath } from '../../shared/audit/tile.ts'
import { sameHash } from '../../shared/audit/tree.ts'
import { diskReason } from '../../shared/disk-reason.ts'
import { syncFolder, writeDurable } from '../../shared/durable-file.ts'
import type { Random } from '../../shared/random.ts'
import { ledgerError } from './errors.ts'

export interface TileFiles {
  readonly folder: string
  /**
   * Writes a file and its folders so that they survive a power loss, then reads the file back.
   * @throws ledger.storage, ledger.read-back
   */
  write(path: string, bytes: Uint8Array): Promise<void>
  /** The content; undefined if there is no such file. @throws ledger.storage */
  read(path: string): Promise<Uint8Array | undefined>
  /**
   * Removes partial tiles that these tiles replace. Best effort: old partial tiles are never read.
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
  // Owned by ensure(): the folders that exist durably.
  const known = new Set<string>()

  const ensure = async (path: string): Promise<void> => {
    if (known.has(path)) return
    if (path !== folder) await ensure(dirname(path))
    try {
      await mkdir(path, { recursive: path === folder, mode: 0o755 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    await syncFolder(dirname(path))
    known.add(path)
  }

  return {
    folder,
    async write(path, bytes) {
      const target = join(folder, path)
      let stored: Uint8Array
      try {
        await ensure(dirname(target))
        await writeDurable(deps, target, bytes, { mode })
        // The page cache answers, so this finds faults of memory and of our own code, not of the
        // disk. `verify` reads the files again.
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
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        const about = { path: join(folder, path), reason: reasonOf(cause), operation: 'reading' }
        throw ledgerError('ledger.storage', about, { cause })
      }
    },
    async prune(current) {
      const keep = new Set(
        current
          .filter((name) => name.width < TILE_WIDTH)
          .map((name) => join(folder, tilePath(name))),
      )
      // A partial tile is in `NNN.p/`, beside the other tiles of its thousand.
      const parents = new Set(
        current.map((name) => dirname(join(folder, tilePath({ ...name, width: TILE_WIDTH })))),
      )
      for (const parent of parents) {
        for (const entry of await readdir(parent).catch(() => [])) {
          if (!entry.endsWith('.p')) continue
          const partial = join(parent, entry)
          for (const file of await readdir(partial).catch(() => []))
            if (!keep.has(join(partial, file)))
              await rm(join(partial, file), { force: true }).catch(() => {})
          // Fails if a current tile is left there, as it should.
          await rmdir(partial).then(
            () => known.delete(partial),
            () => {},
          )
        }
      }
    },
  }
}

function reasonOf(cause: unknown): string {
  return diskReason(cause) ?? (cause as Error).message
}
