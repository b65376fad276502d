import assert from 'node:assert/strict'
import { chmod, open, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import { blobError } from '../../shared/blobs/errors.ts'
import type { RepositoryConfig } from '../../shared/config/repository.ts'
import { systemRandom } from '../../shared/random.ts'
import { createHealer } from '../repositories/content/healer.ts'
import { fetchFromUpstream } from '../repositories/content/places.ts'
import { coordinatorPoolCheck } from '../repositories/publish/pool-check.ts'
import {
  silentLog,
  testMirror,
  testPackages,
  type TestMirror,
} from '../repositories/sync/testing.ts'
import { createRepositories } from '../repositories/configured.ts'
import { createSnapshots } from '../repositories/snapshots/snapshots.ts'
import type { Verb } from '../../protocols/control/verbs.ts'
import type { LoggedOperation } from '../operations/operation.ts'
import { createRepairs } from './repairs.ts'
import { repositoryVerbs } from './repositories.ts'
import { snapshotVerbs } from './snapshots.ts'

const context = { signal: new AbortController().signal, progress: async () => {} } as never
const RPM = 'Packages/p/pkg0-1.0-1.noarch.rpm'

/** Creates the verbs with a real mirror, and calls each one like an operation. */
function verbs(mirror: TestMirror, configs: readonly RepositoryConfig[] = [mirror.config()]) {
  const { database, publisher } = mirror
  const repositories = createRepositories([...configs])
  const snapshots = createSnapshots({ database })
  const deps = {
    repositories,
    mirror: mirror.mirror,
    publisher,
    snapshots,
    database,
    clock: database.clock,
    repairs: createRepairs({ pool: mirror.pool, publisher, database, repositories }),
  }
  const handlers = { ...repositoryVerbs(deps), ...snapshotVerbs(deps) }
  let count = 0
  const operation = <V extends Verb>(given: object, target = 'repo'): LoggedOperation<V> =>
    ({ id: `op-${++count}`, targets: [target], arguments: given }) as never
  const flags = { createSnapshot: false, allowRollback: false, acceptShrink: false }
  return {
    snapshots,
    check: coordinatorPoolCheck({
      ...deps,
      pool: mirror.pool,
      random: systemRandom,
      healer: createHealer({
        pool: mirror.pool,
        log: silentLog,
        fetch: {
          agent: () => Promise.reject(blobError('blob.unknown', { id: '' })),
          upstream: (lost, signal) => fetchFromUpstream({ ...deps }, lost, signal),
        },
      }),
    }),
    sync: async (target?: string) =>
      (await handlers['repo.sync'].act(operation(flags, target), context))[0],
    publish: async () => (await handlers['repo.publish'].act(operation({}), context))[0],
    create: async (name: string) =>
      (await handlers['snapshot.create'].act(operation({ name, description: '' }), context))[0],
    latest: mirror.config().publish.latest_path,
    snapshot: (name: string) => join(mirror.config().publish.snapshots_path, name),
  }
}

async function overwrite(path: string): Promise<void> {
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  await file.write('DAMAGE', 100)
  await file.close()
}

test('the next sync or publication repairs altered published files', async () => {
  await using mirror = await testMirror({ heal: true })
  await writeRepository(mirror.upstream, testPackages(3))
  const { sync, publish, create, latest, snapshot } = verbs(mirror)
  assert.equal((await sync())?.result, 'done')
  assert.equal((await create('s1'))?.result, 'done')
  const wanted = await readFile(join(mirror.upstream, RPM))
  for (const [name, work] of [
    ['sync', sync],
    ['publish', publish],
  ] as const) {
    for (const damaged of [latest, snapshot('s1')]) {
      for (const damage of [overwrite, rm] as const) {
        await damage(join(damaged, RPM))
        const result = await work()
        assert.equal(result?.result, 'done', name)
        assert.match(JSON.stringify(result?.detail['notes']), /laid out again: .*pkg0/, name)
        for (const tree of [latest, snapshot('s1')])
          assert.deepEqual(await readFile(join(tree, RPM)), wanted, `${name} ${tree}`)
      }
    }
    const again = await work()
    assert.doesNotMatch(JSON.stringify(again?.detail), /laid out again/, `${name} again`)
  }
})

test('a sync is incomplete if a snapshot cannot be repaired', async () => {
  await using mirror = await testMirror({ heal: true })
  await writeRepository(mirror.upstream, testPackages(3))
  const { sync, publish, create, latest, snapshot, snapshots } = verbs(mirror)
  await sync()
  await create('s1')
  await writeRepository(mirror.upstream, testPackages(3, '2.0'), { revision: 1_800_000_000 })
  await rm(join(mirror.upstream, RPM))
  assert.equal((await sync())?.result, 'done')
  const served = await readlink(latest)
  await overwrite(join(snapshot('s1'), RPM))
  for (const work of [sync, publish, sync]) {
    const result = await work()
    assert.deepEqual(
      [result?.result, result?.error?.code, result?.detail['outcome'], result?.detail['failures']],
      ['failed', 'publish.content', 'incomplete', [`s1: ${RPM} can't be laid out again`]],
    )
    assert.equal(await readlink(latest), served)
  }
  await rm(join(mirror.upstream, 'Packages/p/pkg1-2.0-1.noarch.rpm'))
  await overwrite(join(latest, 'Packages/p/pkg1-2.0-1.noarch.rpm'))
  await assert.rejects(create('s2'), { code: 'publish.content', message: /pkg1-2\.0/ })
  assert.deepEqual(
    (await snapshots.list()).map(({ name }) => name),
    ['s1'],
  )
})

/** Creates two repositories of one upstream. Their published trees and the pool share each file. */
async function twins(mirror: TestMirror) {
  await writeRepository(mirror.upstream, testPackages(3))
  const at = (name: string): string => join(mirror.folder, 'publish', name)
  const publish = { latest_path: at('twin/latest'), snapshots_path: at('twin/snapshots') }
  const twin = mirror.config({ name: 'twin', publish })
  const all = verbs(mirror, [mirror.config(), twin])
  assert.equal((await all.sync())?.result, 'done')
  assert.equal((await all.create('s1'))?.result, 'done')
  const wanted = await readFile(join(mirror.upstream, RPM))
  const trees = [all.latest, all.snapshot('s1')]
  return { ...all, wanted, trees, twin: publish.latest_path }
}

test('a sync of another repository repairs all damaged publications', async () => {
  await using mirror = await testMirror({ heal: true })
  const { sync, create, wanted, trees, latest, twin } = await twins(mirror)
  await overwrite(join(latest, RPM))
  const first = await sync('twin')
  assert.equal(first?.result, 'done')
  assert.match(JSON.stringify(first?.detail['notes']), /repo\/latest .*pkg0.*repo\/s1 .*pkg0/)
  for (const tree of [...trees, twin])
    assert.deepEqual(await readFile(join(tree, RPM)), wanted, tree)
  await overwrite(join(latest, RPM))
  const made = await create('s2')
  assert.equal(made?.result, 'done')
  assert.match(JSON.stringify(made?.detail['notes']), /files of latest .*twin\/latest .*pkg0/)
  for (const tree of [...trees, twin])
    assert.deepEqual(await readFile(join(tree, RPM)), wanted, tree)
  assert.equal((await sync('twin'))?.detail['changed'], false)
})

test('a pool check finds altered published files of a sound pool', async () => {
  await using mirror = await testMirror({ heal: true })
  const { check, wanted, trees, latest, snapshot } = await twins(mirror)
  const options = { signal: new AbortController().signal, progress: async () => {} }
  await overwrite(join(latest, RPM))
  // Another process with the same pool repairs the blob, so this process has found no damage.
  for await (const { id } of mirror.pool.list()) await mirror.pool.check(id)
  assert.equal((await mirror.sync()).result, 'complete')
  const sampled = await check({ ...options, deep: false })
  assert.deepEqual([sampled.damaged, sampled.missing, sampled.repaired], [0, 0, ['repo/latest']])
  const deep = await check({ ...options, deep: true })
  assert.deepEqual([deep.damaged, deep.missing, deep.repaired], [0, 0, ['repo/s1']])
  for (const tree of trees) assert.deepEqual(await readFile(join(tree, RPM)), wanted, tree)
  assert.deepEqual((await check({ ...options, deep: true })).repaired, [])
  await overwrite(join(snapshot('s1'), RPM))
  await rm(join(mirror.upstream, RPM))
  const broken = await check({ ...options, deep: true })
  assert.equal(broken.unrepaired.length, 2)
  assert.match(broken.unrepaired.join(), /pkg0/)
})
