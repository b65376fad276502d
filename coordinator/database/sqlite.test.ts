import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  copyFile,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import Sqlite from 'better-sqlite3'
import { sql } from 'kysely'
import { systemClock } from '../../shared/clock.ts'
import { type Database, openDatabase } from './database.ts'
import { databaseError } from './errors.ts'
import { migrate } from './migrate.ts'
import { backUpSqlite } from './sqlite-backup.ts'
import { networkFilesystem } from './network-filesystem.ts'
import { checkSqliteLibrary, hasWalBug } from './sqlite-library.ts'

const is = (code: Parameters<typeof databaseError.is>[1]) => (error: unknown) =>
  databaseError.is(error, code)
const open = (path: string, create = false): Promise<Database> =>
  openDatabase({ clock: systemClock }, { url: `sqlite://${path}`, create })

/** Creates a folder for one test. */
async function scratch(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'muster-sqlite-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/**
 * Returns the files of a database that was not closed, as after a power cut. The file contains
 * rows, and the write-ahead log contains newer ones.
 */
async function uncleanCopy(folder: string): Promise<string> {
  const live = join(folder, 'live.db')
  const database = await open(live, true)
  await migrate(database)
  const add = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i += 1)
      await database.query
        .insertInto('repository')
        .values({ id: `r${i}`, type: 'rpm', config_hash: 'x'.repeat(200), created_at: i })
        .execute()
  }
  await add(0, 200)
  await sql`pragma wal_checkpoint(truncate)`.execute(database.query)
  await add(200, 210)
  const copy = join(folder, 'copy.db')
  await copyFile(live, copy)
  await copyFile(`${live}-wal`, `${copy}-wal`)
  await database.close()
  return copy
}

async function rows(path: string): Promise<number> {
  const database = await open(path)
  const { n } = await database.query
    .selectFrom('repository')
    .select((row) => row.fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  await database.close()
  return n
}

describe('SQLite database', () => {
  it('is durable, strict and accessible only to its owner', async () => {
    await using folder = await scratch()
    const path = join(folder.path, 'a b%.db')
    const database = await openDatabase(
      { clock: systemClock },
      { url: `sqlite://${encodeURI(path)}`, create: true },
    )
    await migrate(database)
    const pragma = async (name: string): Promise<unknown> =>
      Object.values((await sql.raw(`pragma ${name}`).execute(database.query)).rows[0] as object)[0]
    assert.deepEqual(
      await Promise.all(
        [
          'journal_mode',
          'synchronous',
          'foreign_keys',
          'trusted_schema',
          'busy_timeout',
          'cell_size_check',
        ].map(pragma),
      ),
      ['wal', 2, 1, 0, 5000, 1],
    )
    await database.query
      .insertInto('repository')
      .values({ id: 'r', type: 'rpm', config_hash: '', created_at: 1 })
      .execute()
    for (const suffix of ['', '-wal', '-shm'])
      assert.equal((await stat(path + suffix)).mode & 0o777, 0o600, suffix)
    await database.close()
  })

  it('begins each transaction as a writer, so that its first write cannot fail', async () => {
    await using folder = await scratch()
    const path = join(folder.path, 'muster.db')
    const database = await open(path, true)
    await migrate(database)
    const person = new Sqlite(path, { timeout: 0 })
    await database.transaction(async (tx) => {
      await tx.selectFrom('repository').selectAll().execute()
      assert.throws(() => person.exec('begin immediate'), { code: 'SQLITE_BUSY' })
      assert.deepEqual(person.prepare('select * from repository').all(), [])
    })
    person.close()
    await database.close()
  })

  it('DB-11: rejects exactly the libraries with the WAL-reset bug', () => {
    for (const bad of [
      '3.7.0',
      '3.43.2',
      '3.44.5',
      '3.45.0',
      '3.49.2',
      '3.50.6',
      '3.51.0',
      '3.51.2',
      '2.8.17',
    ]) {
      assert.equal(hasWalBug(bad), true, bad)
      assert.throws(() => checkSqliteLibrary(bad), is('database.library'))
    }
    for (const good of [
      '3.44.6',
      '3.44.7',
      '3.50.7',
      '3.51.3',
      '3.52.0',
      '3.53.4',
      '3.54.1',
      '4.0.0',
    ]) {
      assert.equal(hasWalBug(good), false, good)
      checkSqliteLibrary(good)
    }
    assert.equal(hasWalBug('3.6.23'), false)
    assert.throws(() => checkSqliteLibrary('3.6.23'), is('database.library'))
    assert.throws(() => checkSqliteLibrary('unknown'), is('database.library'))
  })

  it('DB-12: admits one coordinator, and names the process that holds the database', async () => {
    await using folder = await scratch()
    const path = join(folder.path, 'muster.db')
    const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href)
    const url = JSON.stringify(`sqlite://${path}`)
    const script = `
      const { openDatabase } = await import(${module('./database.ts')})
      const { migrate } = await import(${module('./migrate.ts')})
      const { systemClock } = await import(${module('../../shared/clock.ts')})
      const database = await openDatabase({ clock: systemClock }, { url: ${url}, create: true })
      await migrate(database)
      process.stdout.write('open')
      process.stdin.resume()`
    const other = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(other.stdout, 'data')
    await assert.rejects(
      open(path),
      (error) =>
        databaseError.is(error, 'database.in-use') &&
        error.message.includes(`process ${other.pid} `),
    )
    other.kill('SIGKILL')
    await once(other, 'exit')
    const mine = await open(path)
    await assert.rejects(
      open(path),
      (error) =>
        databaseError.is(error, 'database.in-use') &&
        error.message.includes(`process ${process.pid} `),
    )
    await mine.close()
    await (await open(path)).close()
  })

  it('DB-12: rejects network file systems', () => {
    assert.equal(networkFilesystem(0x6969), 'NFS')
    assert.equal(networkFilesystem(0xff534d42), 'CIFS')
    assert.equal(networkFilesystem(0xff534d42 | 0), 'CIFS')
    // ext4, xfs, btrfs, tmpfs, overlay.
    for (const local of [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630])
      assert.equal(networkFilesystem(local), undefined)
  })

  it('DB-13: opens after a power cut with everything that was acknowledged', async () => {
    await using folder = await scratch()
    assert.equal(await rows(await uncleanCopy(folder.path)), 210)
  })

  it('DB-13: rejects a damaged file after an unclean stop, with a hint', async () => {
    await using folder = await scratch()
    const path = await uncleanCopy(folder.path)
    const right = await readFile(path)
    const pages = right.length / 4096
    let refused = 0
    for (let page = 1; page < pages; page += 1) {
      const wrong = Buffer.from(right)
      wrong.fill(0xa5, page * 4096, page * 4096 + 64)
      await writeFile(path, wrong)
      const wal = await readFile(`${path}-wal`)
      await open(path).then(
        (database) => database.close(),
        (error: unknown) => {
          assert.ok(databaseError.is(error, 'database.damaged') && /backup/.test(error.hint ?? ''))
          refused += 1
        },
      )
      await writeFile(`${path}-wal`, wal)
    }
    // The write-ahead log replaces some pages, so their damage has no effect. All others are found.
    assert.ok(refused > pages / 2, `${refused} of ${pages}`)
    await writeFile(path, Buffer.concat([Buffer.from('not a database'), right.subarray(14)]))
    await assert.rejects(open(path), is('database.damaged'))
  })

  it('DB-13: a damaged write-ahead log gives an older state, never a mixed one', async () => {
    await using folder = await scratch()
    const path = await uncleanCopy(folder.path)
    const [file, wal] = [await readFile(path), await readFile(`${path}-wal`)]
    const restore = async (): Promise<void> => {
      await writeFile(path, file)
      await writeFile(`${path}-wal`, wal)
    }
    await truncate(`${path}-wal`, wal.length / 2)
    const half = await rows(path)
    assert.ok(half >= 200 && half < 210, String(half))
    await restore()
    const handle = await openFile(`${path}-wal`, 'r+')
    await handle.write(Buffer.from([0xff, 0xff]), 0, 2, 2000)
    await handle.close()
    assert.equal(await rows(path), 200)
    await restore()
    await rm(`${path}-wal`)
    assert.equal(await rows(path), 200)
  })

  it('rejects invalid addresses without showing the password', async () => {
    for (const url of ['sqlite://relative.db', 'sqlite:///%zz', 'mysql://x', '/var/lib/x.db'])
      await assert.rejects(openDatabase({ clock: systemClock }, { url }), is('database.url'))
    await assert.rejects(
      openDatabase({ clock: systemClock }, { url: 'mysql://u:secret@h/x' }),
      (error: Error) => !error.message.includes('secret'),
    )
    await assert.rejects(
      openDatabase(
        { clock: systemClock },
        { url: 'postgresql://u:secret@127.0.0.1:1/x?password=secret' },
      ),
      (error: Error) => is('database.unreachable')(error) && !error.message.includes('secret'),
    )
    await assert.rejects(open('/nonexistent/folder/x.db', true), is('database.absent'))
  })
})

describe('modes of a SQLite database', () => {
  it('every file is accessible only to its owner, whatever the umask', async () => {
    await using folder = await scratch()
    const path = join(folder.path, 'muster.db')
    const before = process.umask(0)
    try {
      const database = await open(path, true)
      await migrate(database)
      await backUpSqlite(database, '0005-runs')
      assert.deepEqual(await modes(folder.path), [
        'muster.db 600',
        'muster.db-shm 600',
        'muster.db-wal 600',
        'muster.db.backup-0005-runs 600',
        'muster.db.lock 600',
      ])
      await database.close()
    } finally {
      process.umask(before)
    }
  })

  it('files that an earlier version left readable become private', async () => {
    await using folder = await scratch()
    const path = join(folder.path, 'muster.db')
    await (await open(path, true)).close()
    await writeFile(`${path}.backup-0001-log`, '')
    await writeFile(join(folder.path, 'other'), '')
    for (const name of await readdir(folder.path)) await chmod(join(folder.path, name), 0o644)
    await (await open(path, true)).close()
    assert.deepEqual(await modes(folder.path), [
      'muster.db 600',
      'muster.db.backup-0001-log 600',
      'muster.db.lock 600',
      'other 644',
    ])
  })
})

async function modes(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).sort()
  return Promise.all(
    names.map(async (name) => {
      const { mode } = await stat(join(folder, name))
      return `${name} ${(mode & 0o777).toString(8)}`
    }),
  )
}
