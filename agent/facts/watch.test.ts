import assert from 'node:assert/strict'
import { watch } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { storageFailure } from '../../shared/storage/storage-error.ts'
import { errnoError } from '../../shared/testing/faulty-disk.ts'
import { until } from '../testing/until.ts'
import { createCollectors } from './all-collectors.ts'
import { readRpmDatabase } from './collectors/rpm/database.ts'
import { watchPackages } from './watch.ts'

const databases = (root: string) =>
  createCollectors({ log: recordedLog() }).flatMap((collector) => collector.databases(root))

/** Creates a host with both databases and real notifications. The test fires the timers. */
async function watchedHost(
  t: TestContext,
  options: { watch?: typeof watch; before?: (root: string) => Promise<void> } = {},
) {
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
  await options.before?.(root)
  const timers: (() => void)[] = []
  const intervals: (() => void)[] = []
  const clock: Clock = {
    ...systemClock,
    after: (_ms, run) => {
      timers.push(run)
      return () => undefined
    },
    every: (_ms, run) => {
      intervals.push(run)
      return () => undefined
    },
  }
  const notified: string[] = []
  const watched = ((path: string, how: object, listener: () => void) =>
    (options.watch ?? watch)(path, how, (_event, name) => {
      notified.push(String(name))
      listener()
    })) as typeof watch
  let collections = 0
  let fail = false
  const collect = async (): Promise<void> => {
    collections += 1
    if (fail) throw new Error('locked')
    await readRpmDatabase(database)
  }
  const reasons: string[] = []
  const log = recordedLog()
  const watching = watchPackages(
    { clock, log, watch: watched },
    { databases: databases(root) },
    (reason) => {
      reasons.push(reason)
      return collect()
    },
    new AbortController().signal,
  )
  t.after(() => watching.stop())
  return {
    root,
    log,
    notified,
    transaction,
    collections: () => collections,
    failing: (value: boolean) => {
      fail = value
    },
    reasons,
    remarks: () => watching.remarks(),
    periodic: () => intervals[1]?.(),
    /** Runs the periodic comparison. */
    compare: () => intervals[0]?.(),
    /** Compares until the pause after a change begins, and then ends the pause. */
    settleCompared: async () => {
      await until(() => {
        if (timers.length === 0) intervals[0]?.()
        return timers.length > 0
      })
      timers.shift()?.()
    },
    /** Waits for a notification and then ends the pause after it. */
    settle: async () => {
      await until(() => timers.length > 0)
      timers.shift()?.()
    },
  }
}

test('facts watch: reading a database does not cause another collection', async (t) => {
  const host = await watchedHost(t)
  // The first collection creates the files of the log. That causes a notification.
  await until(() => host.collections() === 1 && host.notified.includes('rpmdb.sqlite-shm'))
  assert.ok((await readdir(join(host.root, 'var/lib/rpm'))).includes('rpmdb.sqlite-wal'))
  await host.settle()
  await until(() =>
    host.log.lines.some(({ message }) => message === 'the package databases are unchanged'),
  )
  assert.equal(host.collections(), 1)
  // A transaction is still noticed in the main file, in its log, or in dpkg's file.
  host.transaction('insert into Packages (blob) values (zeroblob(0)); delete from Packages')
  await host.settle()
  await until(() => host.collections() === 2)
  await writeFile(join(host.root, 'var/lib/dpkg/status'), 'Package: a\n')
  await host.settle()
  await until(() => host.collections() === 3)
})

test('facts watch: repeats a failed collection at the next notification', async (t) => {
  const host = await watchedHost(t)
  await until(() => host.collections() === 1)
  host.failing(true)
  host.periodic()
  await until(() => host.log.lines.some(({ level }) => level === 'error'))
  host.failing(false)
  await writeFile(join(host.root, 'var/lib/dpkg/lock'), '')
  await host.settle()
  await until(() => host.collections() === 3)
})

const insert = 'insert into Packages (blob) values (zeroblob(0)); delete from Packages'
const RPM = 'var/lib/rpm'

test('facts watch: watches a folder that was replaced by renames', async (t) => {
  const host = await watchedHost(t)
  await until(() => host.collections() === 1)
  const folder = join(host.root, RPM)
  const made = join(host.root, 'var/lib/rpmrebuilddb.1')
  await cp(folder, made, { recursive: true })
  await rename(folder, join(host.root, 'var/lib/rpmold.1'))
  await rename(made, folder)
  await host.settleCompared()
  await until(() => host.collections() === 2)
  // Notifications work again without a comparison in between.
  host.notified.length = 0
  host.transaction(insert)
  await until(() => host.notified.length > 0)
  await host.settle()
  await until(() => host.collections() === 3)
  assert.deepEqual(host.reasons, ['start', 'notified', 'notified'])
})

test('facts watch: watches a folder that is made later or again', async (t) => {
  const host = await watchedHost(t, {
    before: (root) => rm(join(root, 'var/lib/dpkg'), { recursive: true }),
  })
  await until(() => host.collections() === 1)
  const dpkg = join(host.root, 'var/lib/dpkg')
  for (const look of [2, 3]) {
    await mkdir(dpkg)
    await writeFile(join(dpkg, 'status'), `Package: a${look}\n`)
    await host.settleCompared()
    await until(() => host.collections() === look)
    host.notified.length = 0
    await writeFile(join(dpkg, 'lock'), '')
    await until(() => host.notified.includes('lock'))
    await host.settle()
    await until(() => host.log.lines.some(({ message }) => message.endsWith('unchanged')))
    host.log.lines.length = 0
    if (look === 2) await rm(dpkg, { recursive: true })
  }
})

test('facts watch: follows a symbolic link to the folder when it changes', async (t) => {
  const host = await watchedHost(t, {
    before: async (root) => {
      for (const name of ['one', 'two']) {
        await mkdir(join(root, name))
        await writeFile(join(root, name, 'status'), `Package: ${name}\n`)
      }
      await rm(join(root, 'var/lib/dpkg'), { recursive: true })
      await symlink(join(root, 'one'), join(root, 'var/lib/dpkg'))
    },
  })
  await until(() => host.collections() === 1)
  await symlink(join(host.root, 'two'), join(host.root, 'next'))
  await rename(join(host.root, 'next'), join(host.root, 'var/lib/dpkg'))
  await host.settleCompared()
  await until(() => host.collections() === 2)
  await writeFile(join(host.root, 'two/status'), 'Package: three\n')
  await host.settle()
  await until(() => host.collections() === 3)
})

test('facts watch: notices when a rename replaces a status file', async (t) => {
  const host = await watchedHost(t)
  await until(() => host.collections() === 1)
  for (const look of [2, 3, 4]) {
    await writeFile(join(host.root, 'var/lib/dpkg/status-new'), `Package: a${look}\n`)
    await rename(join(host.root, 'var/lib/dpkg/status-new'), join(host.root, 'var/lib/dpkg/status'))
    await host.settleCompared()
    await until(() => host.collections() === look)
  }
})

test('facts watch: finds changes without notifications and reports a problem', async (t) => {
  let left = 0
  const limited = ((...args: Parameters<typeof watch>) => {
    if (left > 0) return watch(...args)
    throw Object.assign(new Error('System limit for number of file watchers reached'), {
      code: 'ENOSPC',
    })
  }) as typeof watch
  const host = await watchedHost(t, { watch: limited })
  await until(() => host.collections() === 1)
  const folders = ['var/lib/dpkg', RPM].map((folder) => join(host.root, folder))
  assert.deepEqual(
    host.remarks().map(({ reason }) => reason),
    folders.map(
      (folder) => `cannot watch ${folder} for changes (ENOSPC): the agent checks it every 3 s`,
    ),
  )
  host.transaction(insert)
  await host.settleCompared()
  await until(() => host.collections() === 2)
  // Once notifications work, they are used and the problem ends.
  left = 1
  host.compare()
  await until(() => host.remarks().length === 0)
  host.transaction(insert)
  await until(() => host.notified.length > 0)
})

test('package watch: logs a journal failure as a storage failure', async (t) => {
  const log = recordedLog()
  const full = storageFailure(errnoError('ENOSPC'), { what: 'the facts', path: '/f' })
  const watching = watchPackages(
    { clock: systemClock, log, watch },
    { databases: databases(await mkdtemp(join(tmpdir(), 'muster-watch-'))) },
    () => Promise.reject(full),
    new AbortController().signal,
  )
  t.after(() => watching.stop())
  await until(() => log.lines.some(({ level }) => level === 'error'))
  assert.match(JSON.stringify(log.lines), /the facts could not be stored on this host/)
})
