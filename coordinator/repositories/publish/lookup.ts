/**
 * What a published path is, from the database alone: an agent's gateway asks which blob a path of
 * `repos/x/latest/` is, and fetches that from a holder. Answers as the published folder would,
 * metadata of earlier generations included.
 */
import type { Kysely } from 'kysely'
import type { Clock } from '../../../shared/clock.ts'
import type { BlobId } from '../../../shared/ids.ts'
import { batches } from '../content/blobs.ts'
import type { FileKind } from '../model/version.ts'
import { MAX_ENTRIES } from '../../../node/http/served.ts'
import type { Database } from '../../database/database.ts'
import type { Tables } from '../../database/tables/all.ts'
import { reachableVersions } from './carried.ts'
import { currentPublication } from './publications.ts'

export interface PublishedFile {
  readonly blob: BlobId
  /** Bytes. */
  readonly size: number
  readonly kind: FileKind
}

export interface PublishedEntry {
  readonly name: string
  readonly kind: 'file' | 'folder'
  /** Bytes, of a file. */
  readonly size?: number
}

export interface Lookup {
  /** The file at `path` (no leading slash); undefined if nothing is published there. */
  lookup(repository: string, target: string, path: string): Promise<PublishedFile | undefined>
  /**
   * What lies in a folder of the published version, in order of name; '' is its root. Undefined if
   * there is no such folder.
   */
  list(repository: string, target: string, folder: string): Promise<PublishedEntry[] | undefined>
  /**
   * Paths of the public keys that the published version brings, in order of path; empty if nothing
   * is published.
   */
  keys(repository: string, target: string): Promise<string[]>
  /** What of a repository is published: `latest` and names of snapshots. */
  targets(
    repository: string,
  ): Promise<{ target: string; version: number; generation: number; at: number }[]>
}

export function createLookup(deps: { database: Database; clock: Clock }): Lookup {
  const db = deps.database.query
  return {
    async lookup(repository, target, path) {
      const current = await currentPublication(db, { repository, target })
      if (current === undefined) return undefined
      const own = await fileOf(db, current.version, path)
      if (own !== undefined) return own.file
      const found = await packageOf(db, current.version, path)
      if (found !== undefined) return found
      for (const version of await reachableVersions(db, { repository, target }, deps.clock.now())) {
        const earlier = await fileOf(db, version, path)
        if (earlier?.carried === true) return earlier.file
      }
      return undefined
    },
    async list(repository, target, folder) {
      const current = await currentPublication(db, { repository, target })
      if (current === undefined) return undefined
      const prefix = folder === '' ? '' : `${folder.replace(/\/+$/, '')}/`
      const entries = new Map<string, PublishedEntry>()
      for (const { path, size } of await pathsBelow(db, current.version, prefix)) {
        const [name = '', ...deeper] = path.slice(prefix.length).split('/')
        if (entries.size >= MAX_ENTRIES) break
        entries.set(
          name,
          deeper.length > 0 ? { name, kind: 'folder' } : { name, kind: 'file', size },
        )
      }
      if (entries.size === 0 && prefix !== '') return undefined
      return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    async keys(repository, target) {
      const rows = await db
        .selectFrom('publication')
        .innerJoin('version_file', 'version_file.version', 'publication.version')
        .select('version_file.path')
        .where('publication.repository', '=', repository)
        .where('publication.target', '=', target)
        .where('version_file.kind', '=', 'key')
        .orderBy('version_file.path')
        .execute()
      return rows.map((row) => row.path)
    },
    targets: (repository) =>
      db
        .selectFrom('publication')
        .select(['target', 'version', 'generation', 'at'])
        .where('repository', '=', repository)
        .orderBy('target')
        .execute(),
  }
}

async function fileOf(
  db: Kysely<Tables>,
  version: number,
  path: string,
): Promise<{ file: PublishedFile; carried: boolean } | undefined> {
  const row = await db
    .selectFrom('version_file')
    .select(['blob', 'size', 'kind', 'checksum'])
    .where('version', '=', version)
    .where('path', '=', path)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const file = { blob: row.blob as BlobId, size: row.size, kind: row.kind }
  return { file, carried: row.checksum !== null && path.includes(row.checksum) }
}

/**
 * Two look-ups by key. As one join, SQLite walks through all packages of the version instead: 25 ms
 * for 40,000 of them.
 */
async function packageOf(
  db: Kysely<Tables>,
  version: number,
  path: string,
): Promise<PublishedFile | undefined> {
  const rows = await db
    .selectFrom('package')
    .select(['pk', 'blob', 'size'])
    .where('href', '=', path)
    .execute()
  for (const part of batches(rows)) {
    const keys = part.map((row) => row.pk)
    const member = await db
      .selectFrom('version_package')
      .select('package')
      .where('version', '=', version)
      .where('package', 'in', keys)
      .executeTakeFirst()
    const row = member === undefined ? undefined : rows.find((each) => each.pk === member.package)
    if (row !== undefined) return { blob: row.blob as BlobId, size: row.size, kind: 'package' }
  }
  return undefined
}

/**
 * Paths that begin with `prefix`, by comparing text (ordered by bytes on both databases): U+10FFFF
 * ends the range.
 */
async function pathsBelow(
  db: Kysely<Tables>,
  version: number,
  prefix: string,
): Promise<{ path: string; size: number }[]> {
  const end = `${prefix}\u{10ffff}`
  const files = await db
    .selectFrom('version_file')
    .select(['path', 'size'])
    .where('version', '=', version)
    .where('path', '>=', prefix)
    .where('path', '<', end)
    .execute()
  const packages = await db
    .selectFrom('version_package')
    .innerJoin('package', 'package.pk', 'version_package.package')
    .select(['package.href as path', 'package.size'])
    .where('version_package.version', '=', version)
    .where('package.href', '>=', prefix)
    .where('package.href', '<', end)
    .execute()
  return [...files, ...packages]
}
