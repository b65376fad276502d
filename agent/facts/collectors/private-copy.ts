/**
 * Reads a database from a private copy. SQLite, Berkeley DB and rpm itself make locks, logs and
 * even new databases beside the one that they read, and nothing may be written below the host's
 * folders.
 */
import { constants } from 'node:fs'
import { copyFile, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GIB } from '../../../shared/units.ts'

/** The largest rpm databases have some 500 MiB. */
const MAX_BYTES = 2 * GIB
/** A transaction changes the database between copies; each copy takes a fraction of a second. */
const ATTEMPTS = 10
const PREFIX = 'rpm-copy-'

/** The database changed during each attempt. */
export class ChangedWhileRead extends Error {}

export interface PrivateCopyOptions {
  /** Folder of the database. */
  readonly folder: string
  /** The file whose change during the copy makes the copy worthless. */
  readonly main: string
  /** Files beside it that belong to it, where they are there. Copied after it. */
  readonly beside: readonly string[]
  /** Where the copy is made, in a folder that is removed again. */
  readonly scratch: string
}

/** @throws ChangedWhileRead, Error in words or of the file system */
export async function withPrivateCopy<T>(
  options: PrivateCopyOptions,
  use: (folder: string) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const copy = await mkdtemp(join(options.scratch, PREFIX))
  // Crash from here on: the copy is an orphan, which the next start removes.
  try {
    await fill(copy, options, signal)
    return await use(copy)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** Removes the copies that a crash left. Only where no other process makes any. */
export async function removePrivateCopies(scratch: string): Promise<void> {
  for (const name of await readdir(scratch))
    if (name.startsWith(PREFIX)) await rm(join(scratch, name), { recursive: true, force: true })
}

async function fill(
  copy: string,
  options: PrivateCopyOptions,
  signal?: AbortSignal,
): Promise<void> {
  const source = join(options.folder, options.main)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    signal?.throwIfAborted()
    const before = await identity(source)
    await copyFile(source, join(copy, options.main), constants.COPYFILE_FICLONE)
    for (const name of options.beside) {
      signal?.throwIfAborted()
      await copyIfThere(join(options.folder, name), join(copy, name))
    }
    // What was appended to a write-ahead log meanwhile is whole or is ignored by its checksums.
    if ((await identity(source)) === before) return
  }
  throw new ChangedWhileRead(`it changed ${ATTEMPTS} times while it was copied`)
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await identity(from)
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    await rm(to, { force: true })
  }
}

async function identity(path: string): Promise<string> {
  const found = await stat(path, { bigint: true })
  // Reading a pipe or a device would wait for ever.
  if (!found.isFile()) throw new Error('it is not a regular file')
  if (found.size > BigInt(MAX_BYTES))
    throw new RangeError(`it has ${found.size} bytes (at most ${MAX_BYTES} are read)`)
  return `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`
}
