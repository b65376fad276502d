import assert from 'node:assert/strict'
import { chmod, open, readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { testMirror, testPackages, type TestMirror } from '../../mirror/testing.ts'
import { createRepositories } from '../../repositories.ts'
import { createSnapshots } from '../../snapshots/snapshots.ts'
import type { Verb } from '../../../protocols/control/verbs.ts'
import type { LoggedOperation } from '../operation.ts'
import { repositoryVerbs } from './repositories.ts'
import { snapshotVerbs } from './snapshots.ts'

const context = { signal: new AbortController().signal, progress: async () => {} } as never
const RPM = 'Packages/p/pkg0-1.0-1.noarch.rpm'

/** The verbs over a real mirror, each called as an operator's order calls it. */
function verbs(mirror: TestMirror) {
  const { database, publisher } = mirror
  const repositories = createRepositories([mirror.config()])
  const snapshots = createSnapshots({ database })
  const deps = {
    repositories,
    mirror: mirror.mirror,
    publisher,
    snapshots,
    database,
    clock: database.clock,
  }
  const handlers = { ...repositoryVerbs(deps), ...snapshotVerbs(deps) }
  let count = 0
  const operation = <V extends Verb>(given: object): LoggedOperation<V> =>
    ({ id: `op-${++count}`, targets: ['repo'], arguments: given }) as never
  const flags = { createSnapshot: false, allowRollback: false, acceptShrink: false }
  return {
    snapshots,
    sync: async () => (await handlers['repo.sync'].act(operation(flags), context))[0],
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

test('a file that was altered below latest or a snapshot is put right by the next sync and the next publication', async () => {
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

test('a snapshot that can not be put right makes the sync incomplete, with its files named', async () => {
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
