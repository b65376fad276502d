import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formats } from '../../compose/formats.ts'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { systemRandom } from '../../../shared/random.ts'
import { createMirror } from './mirror.ts'
import { complete, failed, hurriedClock, silentLog, testMirror, testPackages } from './testing.ts'
import { newestVersion } from '../versions/versions.ts'

test('rejects unsupported settings before the first request', async () => {
  await using mirror = await testMirror()
  for (const [overrides, reason] of [
    [{ rpm: { architectures: ['x86_64'] } }, /architectures/],
    [
      { schedule: { cron: '0 2 * * *', create_snapshot: false } },
      /schedule: this version starts no syncs/,
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

test('rejects a sync after another coordinator accepted a version', async () => {
  await using mirror = await testMirror()
  const { database, pool } = mirror
  const deps = {
    formats,
    database,
    pool,
    clock: hurriedClock,
    random: systemRandom,
    log: silentLog,
  }
  const other = createMirror(deps, { workers: 1, retries: 0, timeout: 5 })
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  await writeRepository(mirror.upstream, testPackages(1, '1'), { revision: 1_700_000_000 })
  let held = false
  mirror.fault = async ({ url }) => {
    if (held || url?.endsWith('.rpm') !== true) return false
    held = true
    reach()
    await released
    return false
  }
  const slow = mirror.sync()
  await reached
  const { signal } = new AbortController()
  const accepted = complete(await other.sync(mirror.config(), { signal }))
  release()
  const error = failed(await slow)
  assert.deepEqual([error.code, error.exit], ['mirror.overtaken', 'conflict'])
  const newest = await newestVersion(database.query, 'repo')
  assert.equal(newest?.id, accepted.version)
})

test('runs one sync of a repository at a time, and check requests only repomd.xml', async () => {
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

test('the start closes the records of syncs whose process ended', async () => {
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
