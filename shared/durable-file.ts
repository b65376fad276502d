/**
 * Writes files that are complete or absent after a crash. A new file is written beside the target,
 * fsynced and renamed to the target. Then the folder is fsynced.
 */
import { constants } from 'node:fs'
import { chmod, link, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Random } from './random.ts'

export interface DurableWriteOptions {
  /** The permission bits of the new file. */
  mode?: number
  /** True to fail with EEXIST if the target exists, instead of replacing it. This is atomic too. */
  exclusive?: boolean
}

/**
 * Writes `data` to `path` atomically and durably. After it resolves, the new contents survive a
 * power loss.
 */
export async function writeDurable(
  deps: { random: Random },
  path: string,
  data: Uint8Array | string,
  options: DurableWriteOptions = {},
): Promise<void> {
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${Buffer.from(deps.random.bytes(6)).toString('hex')}.tmp`,
  )
  const file = await open(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    options.mode ?? 0o600,
  )
  try {
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    // Crash here: the old file stays, and beside it a .tmp file that no code reads.
    if (options.exclusive === true) {
      // link(2) fails if the target exists, but rename(2) would replace it.
      await link(temporary, path)
      // Crash here: the target is whole and has two names.
      await rm(temporary)
    } else await rename(temporary, path)
  } catch (error) {
    // A failed removal must not hide the first error. A .tmp file that stays is harmless.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
  await syncFolder(dirname(path))
}

/** Makes changes of the folder (creations, renames, removals) durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Creates a folder and its missing parents. After it resolves, all of them survive a power loss.
 * @param sync - default: {@link syncFolder}
 */
export async function makeDurableFolder(
  path: string,
  mode: number,
  sync: (folder: string) => Promise<void> = syncFolder,
): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode })
  if (first === undefined) return
  const outermost = resolve(first)
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    // The umask may have removed bits.
    await chmod(folder, mode)
    await sync(dirname(folder))
    // Crash before the last sync: some folders may be lost, and the next call creates them again.
    if (folder === outermost || folder === dirname(folder)) return
  }
}
