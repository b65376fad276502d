/**
 * What the package databases look like from outside: it changes whenever a transaction changed one.
 * Programs that read a database make and touch files beside it; those don't count.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RPM_FILES, RPM_FOLDERS } from './collectors/rpm/collect.ts'

/**
 * Folders of the host's package databases, and the files in each that only a transaction changes.
 */
const DATABASES: readonly (readonly [folder: string, files: readonly string[]])[] = [
  ['var/lib/dpkg', ['status', 'updates']],
  ...RPM_FOLDERS.map((folder) => [folder, [...RPM_FILES, 'rpmdb.sqlite-wal']] as const),
]

/** Where dpkg and rpm keep their databases: folders to be watched. Absolute. */
export function databaseFolders(root: string): string[] {
  return DATABASES.map(([folder]) => join(root, folder))
}

/** Two of these are equal if no transaction came between them. */
export async function databaseStamp(root: string): Promise<string> {
  const paths = DATABASES.flatMap(([folder, files]) =>
    files.map((file) => join(root, folder, file)),
  )
  return (await Promise.all(paths.map(stampOf))).join('\n')
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true })
    // A reader makes the log of a database that had none, empty; a transaction fills it.
    return size === 0n ? '-' : `${ino} ${size} ${mtimeNs}`
  } catch {
    // Absent, or not ours to see: collecting says so if it matters.
    return '-'
  }
}
