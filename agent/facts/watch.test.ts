import assert from 'node:assert/strict'
import { watch } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { until } from '../testing/until.ts'
import { readRpmDatabase } from './rpm-database.ts'
import { watchPackages } from './watch.ts'

/** A host with both databases, real notifications, and timers that fire when the test says so. */
async function watchedHost(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'muster-watch-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  await mkdir(join(root, 'var/lib/dpkg'), { recursive: true })
  await mkdir(join(root, 'var/lib/rpm'), { recursive: true })
  const database = join(root, 'var/lib/rpm/rpmdb.sqlite')
  const transaction = (sql: string): void => {
    const open = new Database(database)
    open.pragma('journal_mode = WAL')
    open.exec(sql)
    open.close()
  }
  transaction('create table Packages (hnum integer primary key autoincrement, blob blob not null)')
  const timers: (() => void)[] = []
  let anyway = (): void => undefined
  const clock: Clock = {
    ...systemClock,
    after: (_ms, run) => {
      timers.push(run)
      return () => undefined
    },
    every: (_ms, run) => {
      anyway = run
      return () => undefined
    },
  }
  const notified: string[] = []
  const watched = ((path: string, options: object, listener: () => void) =>
    watch(path, options, (_event, name) => {
      notified.push(String(name))
      listener()
    })) as typeof watch
  let looks = 0
  let fail = false
  const look = async (): Promise<void> => {
    looks += 1
    if (fail) throw new Error('locked')
    await readRpmDatabase(database)
  }
  const log = recordedLog()
  const stop = watchPackages(
    { clock, log, watch: watched },
    { root },
    look,
    new AbortController().signal,
  )
  t.after(stop)
  return {
    root,
    log,
    notified,
    transaction,
    looks: () => looks,
    failing: (value: boolean) => {
      fail = value
    },
    anyway: () => anyway(),
    /** Lets the pause after a notification be over; waits for the notification first. */
    settle: async () => {
      await until(() => timers.length > 0)
      timers.shift()?.()
    },
  }
}

test('facts watch: reading a database with a write-ahead log does not make the agent read it again, for ever', async (t) => {
  const host = await watchedHost(t)
  // The first look makes the log's files, and that is notified.
  await until(() => host.looks() === 1 && host.notified.includes('rpmdb.sqlite-shm'))
  assert.ok((await readdir(join(host.root, 'var/lib/rpm'))).includes('rpmdb.sqlite-wal'))
  await host.settle()
  await until(() =>
    host.log.lines.some(({ message }) => message === 'the package databases are as they were'),
  )
  assert.equal(host.looks(), 1)
  // A transaction is still seen, be it in the main file, in its log, or in dpkg's.
  host.transaction('insert into Packages (blob) values (zeroblob(0)); delete from Packages')
  await host.settle()
  await until(() => host.looks() === 2)
  await writeFile(join(host.root, 'var/lib/dpkg/status'), 'Package: a\n')
  await host.settle()
  await until(() => host.looks() === 3)
})

test('facts watch: a look that failed is taken again at the next notification, though nothing changed since', async (t) => {
  const host = await watchedHost(t)
  await until(() => host.looks() === 1)
  host.failing(true)
  host.anyway()
  await until(() => host.log.lines.some(({ level }) => level === 'error'))
  host.failing(false)
  await writeFile(join(host.root, 'var/lib/dpkg/lock'), '')
  await host.settle()
  await until(() => host.looks() === 3)
})
