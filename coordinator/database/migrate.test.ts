import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFile, readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { systemClock } from '../../shared/clock.ts'
import { type Database, openDatabase } from './database.ts'
import { databaseError } from './errors.ts'
import { migrate } from './migrate.ts'
import { MIGRATIONS } from './migrations/all.ts'
import { type Migration, migrationChecksum } from './schema/migration.ts'
import { DIALECTS, testDatabase, testPlace } from './testing.ts'

const is = (code: Parameters<typeof databaseError.is>[1]) => (error: unknown) =>
  databaseError.is(error, code)
const open = (url: string, create = false): Promise<Database> =>
  openDatabase({ clock: systemClock }, { url, create })
const extra: Migration = {
  name: '9999-extra',
  statements: ({ integer, end }) => [`create table extra (id ${integer} primary key)${end}`],
}
const broken: Migration = {
  name: '9999-extra',
  statements: (types) => [...extra.statements(types), 'create table extra (id nonsense nonsense)'],
}

/** Returns the names of all tables, in order. */
async function tables(database: Database): Promise<string[]> {
  const found = await database.query.introspection.getTables()
  return found.map((table) => table.name).sort()
}

for (const dialect of DIALECTS) {
  describe(`migrations on ${dialect}`, () => {
    it(`applies each migration once if two coordinators start (${dialect})`, async () => {
      const place = await testPlace(dialect)
      const first = await open(place.url, true)
      // A SQLite file has only one coordinator, but migrate() may still run twice.
      const second = dialect === 'sqlite' ? first : await open(place.url, true)
      const applied = (await Promise.all([migrate(first), migrate(second)])).flatMap(
        (result) => result.applied,
      )
      assert.deepEqual(
        applied.sort(),
        MIGRATIONS.map((migration) => migration.name),
      )
      assert.deepEqual((await migrate(first)).applied, [])
      if (second !== first) await second.close()
      await first.close()
      await place.remove()
    })

    it(`DB-15: rejects a newer schema and an edited migration (${dialect})`, async () => {
      await using test = await testDatabase(dialect)
      const { database, url } = test
      const row = { name: '9999-future', checksum: '00', applied_at: 1 }
      await database.query.insertInto('schema_migration').values(row).execute()
      await assert.rejects(migrate(database), is('database.newer-schema'))
      if (dialect === 'postgresql') await assert.rejects(open(url), is('database.newer-schema'))
      await database.query.deleteFrom('schema_migration').where('name', '=', row.name).execute()
      const [first] = MIGRATIONS as [Migration]
      const edited: Migration = {
        ...first,
        statements: (types) => [...first.statements(types), 'select 1'],
      }
      await assert.rejects(
        migrate(database, [edited, ...MIGRATIONS.slice(1)]),
        is('database.edited-migration'),
      )
      await migrate(database)
    })

    it(`DB-15: rolls back a migration that fails (${dialect})`, async () => {
      await using test = await testDatabase(dialect)
      const before = await tables(test.database)
      await assert.rejects(migrate(test.database, [...MIGRATIONS, broken]), is('database.query'))
      assert.deepEqual(await tables(test.database), before)
      assert.deepEqual((await migrate(test.database, [...MIGRATIONS, extra])).applied, [extra.name])
      assert.deepEqual(await tables(test.database), [...before, 'extra'].sort())
    })
  })
}

for (const dialect of DIALECTS)
  it(`a database from before pins keeps the version that latest serves (${dialect})`, async () => {
    const place = await testPlace(dialect)
    const database = await open(place.url, true)
    const before = MIGRATIONS.findIndex(({ name }) => name.endsWith('-pins'))
    await migrate(database, MIGRATIONS.slice(0, before))
    const version = (id: number, repository: string): string =>
      `insert into repository_version (id, repository, created_at, packages, bytes)
        values (${id}, '${repository}', 1, 0, 0)`
    const published = (repository: string, id: number): string =>
      `insert into publication (repository, target, version, generation, folder, at)
        values ('${repository}', 'latest', ${id}, 1, '1-0', 1)`
    for (const statement of [
      ...['back', 'newest', 'unnamed'].map(
        (id) =>
          `insert into repository (id, type, config_hash, created_at)
            values ('${id}', 'rpm', '', 1)`,
      ),
      ...['back', 'newest', 'unnamed'].flatMap((id, at) => [
        version(10 * at + 1, id),
        version(10 * at + 2, id),
      ]),
      `insert into snapshot (repository, name, version, created_at, description)
        values ('back', 'd1', 1, 1, '')`,
      `insert into snapshot (repository, name, version, created_at, description)
        values ('newest', 'd2', 12, 1, '')`,
      published('back', 1),
      published('newest', 12),
      published('unnamed', 21),
    ])
      await sql.raw(statement).execute(database.query)
    await migrate(database)
    const rows = await database.query
      .selectFrom('publication')
      .select(['repository', 'pin', 'since', 'operation'])
      .orderBy('repository')
      .execute()
    assert.deepEqual(
      rows.map(({ repository, pin, since }) => [repository, pin, since]),
      [
        ['back', 'd1', null],
        ['newest', null, null],
        ['unnamed', null, null],
      ],
    )
    await database.close()
    await place.remove()
  })

describe('migrations', () => {
  it('DB-15: copies a SQLite database before it is changed', async () => {
    const place = await testPlace('sqlite')
    const path = place.url.slice('sqlite://'.length)
    const database = await open(place.url, true)
    await migrate(database)
    assert.equal(
      (await readdir(dirname(path))).some((name) => name.includes('backup')),
      false,
    )
    await database.query
      .insertInto('repository')
      .values({ id: 'kept', type: 'rpm', config_hash: '', created_at: 1 })
      .execute()
    await migrate(database, [...MIGRATIONS, extra])
    await database.close()
    await assert.rejects(open(place.url), is('database.newer-schema'))
    await copyFile(`${path}.backup-${MIGRATIONS.at(-1)?.name}`, path)
    const older = await open(place.url)
    assert.deepEqual(
      (await older.query.selectFrom('repository').select('id').execute()).map((row) => row.id),
      ['kept'],
    )
    await older.close()
    await place.remove()
  })

  it('DB-15: continues where a killed migration stopped', async () => {
    const program = fileURLToPath(new URL('./testing/migrate-until-killed.ts', import.meta.url))
    const reference = await testDatabase('sqlite')
    const expected = await tables(reference.database)
    await reference[Symbol.asyncDispose]()
    for (const at of [1, 5, 9, 14, 30, 41]) {
      const place = await testPlace('sqlite')
      const { signal } = spawnSync(process.execPath, [program, place.url, String(at)], {
        stdio: 'inherit',
      })
      assert.equal(signal, 'SIGKILL', `at ${at}`)
      const database = await open(place.url, true)
      await migrate(database)
      assert.deepEqual(await tables(database), expected)
      assert.deepEqual(
        await sql`pragma foreign_key_check`.execute(database.query).then((result) => result.rows),
        [],
      )
      await database.close()
      await place.remove()
    }
  })

  it('the checksum ignores whitespace and nothing else', () => {
    const [first] = MIGRATIONS as [Migration]
    const spaced: Migration = {
      ...first,
      statements: (types) =>
        first.statements(types).map((text) => `\n  ${text.replaceAll('\n', '\n\n  ')}`),
    }
    assert.equal(migrationChecksum(spaced, 'sqlite'), migrationChecksum(first, 'sqlite'))
    assert.notEqual(migrationChecksum(first, 'sqlite'), migrationChecksum(first, 'postgresql'))
    const names = MIGRATIONS.map((migration) => migration.name)
    assert.deepEqual(names, [...names].sort())
    assert.equal(new Set(names).size, names.length)
  })
})
