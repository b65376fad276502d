/**
 * Computes a text that changes with each transaction of a package database (a stamp). Files that
 * programs create or change while they only read a database don't count.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Watched } from './collectors/collector.ts'

/** Returns a stamp. Two stamps are equal if there was no transaction between them. */
export async function databaseStamp(databases: readonly Watched[]): Promise<string> {
  const paths = databases.flatMap(({ folder, files }) => files.map((file) => join(folder, file)))
  return (await Promise.all(paths.map(stampOf))).join('\n')
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true })
    // A reader can create an empty log. A transaction writes to it.
    return size === 0n ? '-' : `${ino} ${size} ${mtimeNs}`
  } catch {
    // The file is absent or not accessible. The collection reports it if it matters.
    return '-'
  }
}
