/**
 * What the package databases look like from outside: it changes whenever a transaction changed one.
 * Programs that read a database make and touch files beside it; those don't count.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Watched } from './collectors/collector.ts'

/** Two of these are equal if no transaction came between them. */
export async function databaseStamp(databases: readonly Watched[]): Promise<string> {
  const paths = databases.flatMap(({ folder, files }) => files.map((file) => join(folder, file)))
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
