import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { DIALECTS } from '../../database/testing.ts'
import { testMirror } from '../sync/testing.ts'
import { snapshotName } from './name.ts'
import { createSnapshots } from './snapshots.ts'

test('GC-08: rejects names with another meaning in a path, a URL or a command', () => {
  for (const name of ['2026-11', 'a', '0.1_b-c', 'x'.repeat(64)])
    assert.equal(snapshotName(name), name)
  for (const name of [
    '',
    'latest',
    '../x',
    '.gen',
    'a/b',
    'x'.repeat(65),
    'x'.repeat(300),
    'a.',
    'A',
    'é',
    'e\u0301',
    'a b',
    'a\n',
    '-a',
    'a\0',
  ])
    assert.throws(() => snapshotName(name), { code: 'snapshot.name', exit: 'usage' }, name)
})

for (const dialect of DIALECTS) {
  test(`snapshots name a version, never change, and are found by name (${dialect})`, async () => {
    await using mirror = await testMirror({ dialect })
    const snapshots = createSnapshots({ database: mirror.database })
    await assert.rejects(snapshots.create({ repository: 'repo', name: 'early' }), {
      code: 'snapshot.nothing',
      exit: 'notFound',
    })
    await writeRepository(mirror.upstream, [{ name: 'a', version: '1', release: '1' }], {
      revision: 1_700_000_000,
    })
    await mirror.sync()
    const first = await snapshots.create({
      repository: 'repo',
      name: 's1',
      description: 'the first',
    })
    assert.deepEqual(
      [first.packages, first.revision, first.description],
      [1, '1700000000', 'the first'],
    )
    await assert.rejects(snapshots.create({ repository: 'repo', name: 's1' }), {
      code: 'snapshot.exists',
      exit: 'conflict',
    })
    await writeRepository(
      mirror.upstream,
      [
        { name: 'b', version: '1', release: '1' },
        { name: 'a', version: '2', release: '1' },
      ],
      { revision: 1_800_000_000 },
    )
    await mirror.sync()
    const second = await snapshots.create({ repository: 'repo', name: 's2' })
    assert.notEqual(second.version, first.version)
    assert.deepEqual(await snapshots.show({ name: 's1' }), first)
    assert.deepEqual(
      (await snapshots.list()).map((each) => each.name),
      ['s1', 's2'],
    )
    assert.deepEqual(await snapshots.list({ repository: 'other' }), [])
    await assert.rejects(snapshots.show({ name: 'none' }), {
      code: 'snapshot.unknown',
      exit: 'notFound',
    })

    await mirror.sync({}, mirror.config({ name: 'twin' }))
    await snapshots.create({ repository: 'twin', name: 's1' })
    await assert.rejects(snapshots.show({ name: 's1' }), {
      code: 'snapshot.ambiguous',
      message: /repo, twin|twin, repo/,
    })
    assert.equal((await snapshots.show({ repository: 'twin', name: 's1' })).repository, 'twin')

    const failing = async (): Promise<void> => {
      throw new Error('no log')
    }
    await assert.rejects(snapshots.remove({ repository: 'repo', name: 's1' }, failing), /no log/)
    await snapshots.remove({ repository: 'repo', name: 's1' })
    await assert.rejects(snapshots.remove({ repository: 'repo', name: 's1' }), {
      code: 'snapshot.unknown',
    })
  })
}
