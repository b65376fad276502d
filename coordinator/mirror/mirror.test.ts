import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import { complete, failed, testMirror, testPackages } from './testing.ts'

test('what this version can not do is refused before anything is asked for, never quietly left out', async () => {
  await using mirror = await testMirror()
  for (const [overrides, reason] of [
    [{ rpm: { architectures: ['x86_64'] } }, /architectures/],
    [
      { schedule: { cron: '0 2 * * *', create_snapshot: false } },
      /schedule: this version does not start syncs by itself/,
    ],
    [
      { rpm: { gpgkey_url: 'https://keys.invalid/k' } },
      /rpm\.gpgcheck: .*cannot check OpenPGP signatures.*; rpm\.repo_gpgcheck: /,
    ],
  ] as const) {
    const error = failed(await mirror.sync({}, mirror.config(overrides)))
    assert.deepEqual([error.code, error.exit], ['mirror.unsupported', 'usage'])
    assert.match(error.message, reason)
  }
  assert.deepEqual(mirror.asked(), [])
})

test('a repository is synced once at a time, and check asks for repomd.xml alone', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(3))
  const signal = new AbortController().signal
  assert.deepEqual(await mirror.mirror.check(mirror.config(), signal), { changed: true })
  const running = mirror.sync()
  await assert.rejects(mirror.mirror.sync(mirror.config(), { signal }), {
    code: 'mirror.running',
    exit: 'conflict',
  })
  complete(await running)
  mirror.asked()
  assert.deepEqual(await mirror.mirror.check(mirror.config(), signal), { changed: false })
  assert.deepEqual(mirror.asked(), ['repodata/repomd.xml'])
  await writeRepository(mirror.upstream, testPackages(4), { revision: 1_800_000_000 })
  assert.deepEqual(await mirror.mirror.check(mirror.config(), signal), { changed: true })
})

test('syncs that a dead process left running are closed at the start', async () => {
  await using mirror = await testMirror()
  const row = {
    repository: 'repo',
    started_at: 1,
    finished_at: null,
    result: 'running' as const,
    packages: 0,
    bytes: 0,
    message: null,
  }
  await mirror.database.query
    .insertInto('sync_run')
    .values({ id: 'x', ...row })
    .execute()
  assert.equal(await mirror.mirror.recover(), 1)
  assert.equal(await mirror.mirror.recover(), 0)
})
