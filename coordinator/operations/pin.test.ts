/**
 * A snapshot that an operator chose for `latest` stays. Syncs, restarts, recovery and concurrent
 * operations don't change it.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { DIALECTS } from '../database/testing.ts'
import { newOperation } from '../testing/coordinator.ts'
import { everyVerb, type NewIntent } from './testing/every-verb.ts'

const el9 = { targets: ['el9'] } as const
const sync = (snapshotName?: string): NewIntent => ({
  verb: 'repo.sync',
  ...el9,
  arguments: {
    allowRollback: false,
    acceptShrink: true,
    createSnapshot: snapshotName !== undefined,
    ...(snapshotName === undefined ? {} : { snapshotName }),
  },
})
const publish = (snapshot?: string): NewIntent => ({
  verb: 'repo.publish',
  ...el9,
  arguments: snapshot === undefined ? {} : { snapshot },
})
const create = (name: string): NewIntent => ({
  verb: 'snapshot.create',
  ...el9,
  arguments: { name, description: '' },
})
const remove = (name: string): NewIntent => ({
  verb: 'snapshot.delete',
  ...el9,
  arguments: { name },
})
const forever = new AbortController().signal

/**
 * Creates a repository. Version 1 is snapshot d1, version 2 is the newest. Also returns the digest
 * of the content that each of them serves.
 */
async function twoVersions(dialect: (typeof DIALECTS)[number] = 'sqlite') {
  const all = await everyVerb(dialect)
  const at = await all.start()
  await all.upstream('1')
  for (const wanted of [sync(), create('d1')]) assert.equal(await at.perform(wanted), 'done')
  await all.upstream('2')
  assert.equal(await at.perform(sync()), 'done')
  const { latest: newest, d1 } = await all.served()
  assert.notEqual(newest, d1)
  return { all, at, newest, d1 }
}

/** Delays the upstream's responses with package files until `release` is called. */
function holdPackages(all: Awaited<ReturnType<typeof everyVerb>>) {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  all.asked = async (path) => {
    if (!path.endsWith('.rpm')) return
    reach()
    await released
  }
  return { reached, release }
}

for (const dialect of DIALECTS)
  it(`a sync keeps the snapshot that an operator chose for latest (${dialect})`, async () => {
    const { all, at, d1, newest } = await twoVersions(dialect)
    await using _ = all
    assert.equal(await at.perform(publish('d1')), 'done')
    assert.equal((await all.served())['latest'], d1)
    const detailOf = async (wanted: NewIntent, by = at) => {
      const { pinned, served, version } = await by.detail(wanted)
      assert.equal((await all.served())['latest'], d1)
      return { pinned, served, version }
    }
    // A sync without a change, a sync with a change, and a sync that creates a snapshot.
    assert.deepEqual(await detailOf(sync()), { pinned: 'd1', served: 1, version: 2 })
    await all.upstream('3')
    assert.deepEqual(await detailOf(sync()), { pinned: 'd1', served: 1, version: 3 })
    await all.upstream('4')
    assert.deepEqual(await detailOf(sync('d4')), { pinned: 'd1', served: 1, version: 4 })
    const again = await all.start()
    assert.deepEqual(await detailOf(sync(), again), { pinned: 'd1', served: 1, version: 4 })
    assert.notEqual((await all.served())['d4'], newest)
    assert.equal(await again.perform(publish()), 'done')
    assert.equal((await all.served())['latest'], (await all.served())['d4'])
    await all.upstream('5')
    const { pinned, served } = await again.detail(sync())
    assert.deepEqual([pinned, served], [undefined, 5])
  })

it('recovery of a sync keeps the snapshot that was chosen for latest', async () => {
  const { all, at, d1 } = await twoVersions()
  await using _ = all
  assert.equal(await at.perform(publish('d1')), 'done')
  await all.upstream('3')
  const operation = newOperation()
  at.faults.outcomes = true
  assert.equal(await at.perform(sync(), operation), 'operation.unlogged')
  const again = await all.start()
  assert.equal(await again.operations.recover(forever, () => true), 1)
  assert.deepEqual(await all.outcomesOf(operation), ['done'])
  assert.equal((await all.served())['latest'], d1)
})

it('a running sync keeps the snapshot that an operator chooses during the sync', async () => {
  const { all, at, d1 } = await twoVersions()
  await using _ = all
  await all.upstream('3')
  const { reached, release } = holdPackages(all)
  const syncing = at.detail(sync())
  await reached
  assert.equal(await at.perform(publish('d1')), 'done')
  release()
  const { pinned, version } = await syncing
  assert.deepEqual([pinned, version], ['d1', 3])
  assert.equal((await all.served())['latest'], d1)
})

it('a sync does not adopt the snapshot of another operation', async () => {
  const { all, at } = await twoVersions()
  await using _ = all
  await all.upstream('3')
  const { reached, release } = holdPackages(all)
  const syncing = at.perform(sync('s'))
  await reached
  assert.equal(await at.perform(create('s')), 'done')
  const before = await at.snapshots.show({ name: 's' })
  release()
  assert.equal(await syncing, 'repository.no-snapshot')
  assert.deepEqual(await at.snapshots.show({ name: 's' }), before)
  assert.equal(before.version, 2)
})

it('recovery of a sync does not report the snapshot of another operation', async () => {
  const { all, at } = await twoVersions()
  await using _ = all
  await all.upstream('3')
  const { reached, release } = holdPackages(all)
  const operation = newOperation()
  const syncing = at.perform(sync('s'), operation)
  await reached
  assert.equal(await at.perform(create('s')), 'done')
  at.faults.outcomes = true
  release()
  assert.equal(await syncing, 'operation.unlogged')
  const before = await all.state()
  const again = await all.start()
  await again.operations.recover(forever, () => true)
  assert.deepEqual(await all.outcomesOf(operation), ['failed'])
  assert.deepEqual(await all.state(), before)
})

it('a snapshot cannot be deleted while latest serves it', async () => {
  const { all, at, d1 } = await twoVersions()
  await using _ = all
  assert.equal(await at.perform(create('d2')), 'done')
  assert.equal(await at.perform(publish('d1')), 'done')
  const [before, size] = [await all.state(), (await all.logged()).length]
  assert.equal(await at.perform(remove('d1')), 'snapshot.served')
  // The coordinator checks this before it logs the intent, and again when it deletes the rows.
  await assert.rejects(
    at.publisher.withdraw(
      {
        repository: 'el9',
        target: 'd1',
        path: join(all.coordinator.folder, 'published/snapshots/d1'),
      },
      { also: async (tx) => void (await at.snapshots.drop(tx, { repository: 'el9', name: 'd1' })) },
    ),
    { code: 'snapshot.served', exit: 'conflict', hint: /muster repo publish --repo-id el9/ },
  )
  assert.deepEqual([await all.state(), (await all.logged()).length], [before, size])
  assert.equal(await at.perform(publish('d2')), 'done')
  assert.equal(await at.perform(remove('d1')), 'done')
  assert.equal(await at.perform(publish()), 'done')
  // `latest` serves this version as the newest one, not as the snapshot. So it stays after the
  // deletion.
  assert.equal(await at.perform(remove('d2')), 'done')
  assert.notEqual((await all.served())['latest'], d1)
})

it('retention keeps the snapshot that latest serves, also at a new latest_path', async () => {
  const { all, at, d1 } = await twoVersions()
  await using _ = all
  assert.equal(await at.perform(publish('d1')), 'done')
  const elsewhere = join(all.coordinator.folder, 'elsewhere/latest')
  const moved = await all.start({
    latest: elsewhere,
    retention: { policy: 'newest-only', deleted_packages: 'remove' },
  })
  for (const version of ['3', '4']) {
    await all.upstream(version)
    const { pinned, served } = await moved.detail(sync())
    assert.deepEqual([pinned, served], ['d1', 1])
  }
  const snapshot = join(all.coordinator.folder, 'published/snapshots/d1')
  const names = (await readdir(snapshot, { recursive: true })).filter((name) => /\.\w+$/.test(name))
  assert.ok(names.some((name) => name.endsWith('.rpm')))
  for (const name of names)
    assert.deepEqual(await readFile(join(elsewhere, name)), await readFile(join(snapshot, name)))
  assert.equal((await all.served())['d1'], d1)
})

it('the outcome of a new snapshot has its version, even if latest serves another', async () => {
  const { all, at } = await twoVersions()
  await using _ = all
  const { version, pinned } = await at.detail(create('d2'))
  assert.deepEqual([version, pinned], [2, undefined])
  assert.equal(await at.perform(publish('d1')), 'done')
  const detail = await at.detail(create('e2'))
  assert.deepEqual([detail['version'], detail['pinned'], detail['served']], [2, 'd1', 1])
})

it('publishing the newest keeps a newer version that a concurrent sync publishes', async () => {
  const { all, at } = await twoVersions()
  await using _ = all
  const other = await all.start({ name: 'c2' })
  await all.upstream('3')
  const results = await Promise.all([
    at.perform(sync()),
    other.perform(publish()),
    other.perform(publish()),
  ])
  assert.ok(results.every((result) => result === 'done' || result === 'publish.conflict'))
  const newest = await at.detail(sync())
  assert.deepEqual([newest['served'], newest['version']], [3, 3])
})

it('recovery reports a failure if the added blob has no database row', async () => {
  await using all = await everyVerb('sqlite')
  const at = await all.start()
  const blob = 'ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f'
  const wanted: NewIntent = { verb: 'artifact.add', arguments: { blob, size: 5 } }
  const operation = newOperation()
  at.faults.outcomes = true
  assert.equal(await at.perform(wanted, operation), 'operation.unlogged')
  // Simulates a crash after the blob is in the pool and before its row is written.
  await all.coordinator.database.query.deleteFrom('blob').execute()
  const again = await all.start()
  await again.operations.recover(forever, () => true)
  assert.deepEqual(await all.outcomesOf(operation), ['failed'])
  assert.equal(await again.perform(wanted), 'done')
})
