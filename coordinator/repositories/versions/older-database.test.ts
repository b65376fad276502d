import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import Sqlite from 'better-sqlite3'
import { sql } from 'kysely'
import { systemClock } from '../../../shared/clock.ts'
import { type Database, openDatabase } from '../../database/database.ts'
import { migrate } from '../../database/migrate.ts'
import { MIGRATIONS } from '../../database/migrations/all.ts'
import { DIALECTS, testPlace } from '../../database/testing.ts'
import { readManifest } from '../content/manifest.ts'
import { createLookup } from '../publish/lookup.ts'
import { currentPublication } from '../publish/publications.ts'
import { contentsOf, filesOf, newestVersion } from './versions.ts'
import { repositoryStatus } from './status.ts'

/**
 * A database from before migration 0009. `repo` was synced twice, with a signature, a key file and
 * advisories. Snapshot `first` and `latest` are published.
 */
const FIXTURE = fileURLToPath(
  new URL('../../../fixtures/database/muster-0008.db.gz', import.meta.url),
)
/** In an order in which rows can be inserted. */
const TABLES = [
  'repository',
  'repository_version',
  'blob',
  'package',
  'version_package',
  'version_file',
  'sync_run',
  'snapshot',
  'publication',
  'generation',
]
type Row = Readonly<Record<string, string | number | null>>

/** Reads all rows of the fixture's file. */
async function rowsOfFixture(): Promise<Map<string, Row[]>> {
  const database = new Sqlite(gunzipSync(await readFile(FIXTURE)))
  try {
    const rows = (table: string): Row[] =>
      database.prepare<[], Row>(`select * from ${table} order by rowid`).all()
    return new Map(TABLES.map((table) => [table, rows(table)]))
  } finally {
    database.close()
  }
}

/**
 * Opens the same database in this dialect. SQLite uses the file. PostgreSQL applies the older
 * migrations and inserts the rows.
 */
async function olderDatabase(
  dialect: (typeof DIALECTS)[number],
  url: string,
  rows: ReadonlyMap<string, readonly Row[]>,
): Promise<Database> {
  if (dialect === 'sqlite') {
    await writeFile(url.slice('sqlite://'.length), gunzipSync(await readFile(FIXTURE)))
    return openDatabase({ clock: systemClock }, { url })
  }
  const database = await openDatabase({ clock: systemClock }, { url, create: true })
  const at = MIGRATIONS.findIndex(({ name }) => name.endsWith('-neutral-names'))
  await migrate(database, MIGRATIONS.slice(0, at))
  for (const [table, all] of rows)
    for (const row of all) {
      const values = sql.join(Object.values(row))
      const columns = sql.join(Object.keys(row).map((column) => sql.ref(column)))
      await sql`insert into ${sql.table(table)} (${columns}) overriding system value
        values (${values})`.execute(database.query)
    }
  return database
}

for (const dialect of DIALECTS)
  describe(`a database of the version before, on ${dialect}`, () => {
    it(`keeps what its repositories have and serve, under neutral names (${dialect})`, async () => {
      const place = await testPlace(dialect)
      const rows = await rowsOfFixture()
      const of = (table: string): readonly Row[] => rows.get(table) as readonly Row[]
      const database = await olderDatabase(dialect, place.url, rows)
      try {
        await migrate(database)
        const db = database.query
        const [first, second] = of('repository_version').map(({ id }) => Number(id)) as [
          number,
          number,
        ]
        const newest = await newestVersion(db, 'repo')
        const before = of('repository_version')[1]
        assert.deepEqual(
          [newest?.id, newest?.index_checksum, newest?.upstream_etag, newest?.revision],
          [second, before?.['repomd_checksum'], before?.['upstream_etag'], '1700000100'],
        )
        const files = await filesOf(db, first)
        assert.deepEqual(
          files
            .map(({ kind, label, path }) =>
              [kind, label, path.replace(/[0-9a-f]{64}/, 'H')].join(' '),
            )
            .sort(),
          [
            'index  repodata/repomd.xml',
            'key  RPM-GPG-KEY-repo',
            'metadata filelists repodata/H-filelists.xml.gz',
            'metadata other repodata/H-other.xml.gz',
            'metadata primary repodata/H-primary.xml.gz',
            'metadata updateinfo repodata/H-updateinfo.xml.gz',
            'signature  repodata/repomd.xml.asc',
            'signing-key  repodata/repomd.xml.key',
          ],
        )
        const manifest = await readManifest(db, second)
        assert.equal(manifest.length, 11)
        const packages = of('package')
        assert.deepEqual(
          [...(await contentsOf(db, second))].sort(),
          packages
            .filter(({ name, version }) => name !== 'pkg2' || version === '2.0')
            .map(({ checksum_type, pkgid }) => `${checksum_type}:${pkgid}`)
            .sort(),
        )
        await served(database, of('version_file'))
        for (const { target, folder, generation } of of('publication')) {
          const current = await currentPublication(db, { repository: 'repo', target: `${target}` })
          assert.deepEqual([current?.location, current?.generation], [folder, generation])
        }
        const status = await repositoryStatus(db, 'repo')
        assert.deepEqual(
          [status.packages, status.snapshots, status.published?.generation],
          [3, ['first'], 2],
        )
      } finally {
        await database.close()
        await place.remove()
      }
    })
  })

/**
 * Fails unless every file of both versions is served at its path, with the key and older metadata.
 */
async function served(database: Database, files: readonly Row[]): Promise<void> {
  const lookup = createLookup({ database, clock: systemClock })
  for (const { version, path, blob, size, checksum } of files) {
    const target = version === 1 ? 'first' : 'latest'
    const found = await lookup.lookup('repo', target, `${path}`)
    assert.deepEqual([found?.blob, found?.size], [blob, size], `${target} ${path}`)
    // Metadata of the generation before is still served under its name.
    if (version === 1 && checksum !== null)
      assert.equal((await lookup.lookup('repo', 'latest', `${path}`))?.blob, blob)
  }
  assert.deepEqual(await lookup.keys('repo', 'latest'), ['RPM-GPG-KEY-repo'])
  assert.deepEqual(
    (await lookup.list('repo', 'latest', 'Packages/p'))?.map(({ name }) => name),
    ['pkg0-1.0-1.noarch.rpm', 'pkg1-1.0-1.noarch.rpm', 'pkg2-2.0-1.noarch.rpm'],
  )
}
