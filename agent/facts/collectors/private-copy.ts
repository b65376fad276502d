/**
 * Reads a database from a private copy. SQLite, Berkeley DB and rpm create files beside the
 * database that they read. The agent must not write in the host's folders.
 */
import { constants } from 'node:fs'
import { copyFile, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errno } from '../../../shared/errno.ts'
import { GIB } from '../../../shared/units.ts'

/** The largest rpm databases have some 500 MiB. */
const MAX_BYTES = 2 * GIB
/** A transaction can change the database during a copy. A copy takes a fraction of a second. */
const ATTEMPTS = 10
const PREFIX = 'rpm-copy-'

/** The database changed during each attempt. */
export class ChangedWhileRead extends Error {}

export interface PrivateCopyOptions {
  /** The folder of the database. */
  readonly folder: string
  /** If this file changes during the copy, the copy is repeated. */
  readonly main: string
  /** Other files of the database, if they exist. They are copied after it. */
  readonly beside: readonly string[]
  /** The copy is made in a temporary folder below it. */
  readonly scratch: string
}

/** @throws ChangedWhileRead, Error with a reason or of the file system */
export async function withPrivateCopy<T>(
  options: PrivateCopyOptions,
  use: (folder: string) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const copy = await mkdtemp(join(options.scratch, PREFIX))
  // Crash from here on: the next start removes the copy.
  try {
    await fill(copy, options, signal)
    return await use(copy)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** Removes the copies that a crash left. No other process may use this folder for copies. */
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
    // If the write-ahead log grows during the copy, its checksums detect an incomplete part.
    if ((await identity(source)) === before) return
  }
  throw new ChangedWhileRead(`it changed ${ATTEMPTS} times while it was copied`)
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await identity(from)
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error
    await rm(to, { force: true })
  }
}

async function identity(path: string): Promise<string> {
  const found = await stat(path, { bigint: true })
  // Reading a pipe or a device could block forever.
  if (!found.isFile()) throw new Error('it is not a regular file')
  if (found.size > BigInt(MAX_BYTES))
    throw new RangeError(`it has ${found.size} bytes (at most ${MAX_BYTES} are read)`)
  return `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`
}
