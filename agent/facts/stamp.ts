/**
 * A stamp of the package databases that changes with each transaction. Files that programs make or
 * change while they only read a database don't count.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Watched } from './collectors/collector.ts'

/** Two stamps are equal if there was no transaction between them. */
export async function databaseStamp(databases: readonly Watched[]): Promise<string> {
  const paths = databases.flatMap(({ folder, files }) => files.map((file) => join(folder, file)))
  return (await Promise.all(paths.map(stampOf))).join('\n')
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true })
    // A reader can make an empty log. A transaction writes to it.
    return size === 0n ? '-' : `${ino} ${size} ${mtimeNs}`
  } catch {
    // The file is absent or not accessible. The collection reports it if it matters.
    return '-'
  }
}
