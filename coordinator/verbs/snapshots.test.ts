import assert from 'node:assert/strict'
import { mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import {
  complete,
  testMirror,
  testPackages,
  type TestMirror,
} from '../repositories/sync/testing.ts'
import { createRepositories } from '../repositories/configured.ts'
import { createSnapshots } from '../repositories/snapshots/snapshots.ts'
import type { LoggedOperation } from '../operations/operation.ts'
import { createRepairs } from './repairs.ts'
import { repositoryVerbs } from './repositories.ts'
import { snapshotVerbs } from './snapshots.ts'

const signal = new AbortController().signal
const context = { signal, progress: async () => {} } as never

/**
 * Creates the verbs with a real mirror. Calls them with the fields of an operation that they use.
 */
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
    repairs: createRepairs({ pool: mirror.pool, publisher, database, repositories }),
  }
  const operation = <V extends 'snapshot.create' | 'repo.sync'>(
    id: string,
    given: object,
  ): LoggedOperation<V> => ({ id, targets: ['repo'], arguments: given }) as never
  return {
    ...repositoryVerbs(deps),
    ...snapshotVerbs(deps),
    snapshots,
    operation,
    folder: mirror.config().publish.snapshots_path,
  }
}

test('a snapshot that cannot be served is not made, and its name stays free', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(2))
  complete(await mirror.sync())
  const { 'snapshot.create': create, snapshots, operation, folder } = verbs(mirror)
  const wanted = operation<'snapshot.create'>('op-1', { name: 's1', description: '' })
  // Creates a foreign folder in place of the link.
  await mkdir(join(folder, 's1'), { recursive: true })
  await assert.rejects(create.act(wanted, context), { code: 'publish.target' })
  assert.deepEqual(await snapshots.list(), [])
  assert.ok((await stat(join(folder, 's1'))).isDirectory(), 'what stood there still does')
  await rm(dirname(join(folder, 's1')), { recursive: true })
  await create.act(wanted, context)
  assert.ok((await stat(join(folder, 's1/repodata/repomd.xml'))).isFile())
})

test('PB-04: recovery of a killed sync makes its missing snapshot', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(2))
  const { 'repo.sync': sync, snapshots, operation, folder } = verbs(mirror)
  const wanted = operation<'repo.sync'>('op-2', {
    createSnapshot: true,
    snapshotName: 's2',
    allowRollback: false,
    acceptShrink: false,
  })
  complete(await mirror.sync({ run: 'op-2' }))
  // The coordinator is killed after the version was accepted and before it is published.
  for (let start = 1; start <= 2; start += 1) {
    const [result] = await sync.probe(wanted, signal)
    assert.deepEqual([result?.result, result?.detail['snapshot']], ['done', 's2'])
    assert.deepEqual(
      (await snapshots.list()).map((each) => each.name),
      ['s2'],
    )
    assert.ok((await stat(join(folder, 's2/repodata/repomd.xml'))).isFile())
  }
})
