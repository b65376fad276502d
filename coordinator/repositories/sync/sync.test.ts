import assert from 'node:assert/strict'
import { readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { type Disk, systemDisk } from '../../../shared/blobs/disk.ts'
import type { BlobId } from '../../../shared/ids.ts'
import { readManifest } from '../content/manifest.ts'
import { bytesAt, complete, failed, testMirror, testPackages } from './testing.ts'

test('syncs every listed file byte for byte, then with one request', async () => {
  await using mirror = await testMirror()
  const written = await writeRepository(mirror.upstream, testPackages(12))
  await writeFile(join(mirror.upstream, 'repodata/repomd.xml.asc'), 'signature')
  const first = complete(await mirror.sync())
  assert.deepEqual(
    [first.fetched, first.unchanged, first.removed, first.upToDate],
    [12, 0, 0, false],
  )
  for (const path of [
    'repodata/repomd.xml',
    'repodata/repomd.xml.asc',
    ...written.metadata.map((each) => each.href),
    ...written.packages.map((each) => each.href),
  ])
    assert.deepEqual(
      await bytesAt(mirror, first.version, path),
      await readFile(join(mirror.upstream, path)),
      path,
    )
  assert.equal(
    (await readManifest(mirror.database.query, first.version as number)).length,
    12 + 3 + 2,
  )
  const total = mirror.events.findLast((event) => event.type === 'total')
  const done = mirror.events.filter((event) => event.type === 'fetched')
  assert.deepEqual(
    [total?.files, total?.bytes],
    [done.length, done.reduce((sum, event) => sum + event.bytes, 0)],
  )
  mirror.asked()
  const second = complete(await mirror.sync())
  assert.deepEqual([second.version, second.upToDate, second.fetched], [first.version, true, 0])
  assert.deepEqual(mirror.asked(), ['repodata/repomd.xml'])
  const runs = await mirror.database.query
    .selectFrom('sync_run')
    .select(['result', 'packages', 'message'])
    .orderBy('started_at')
    .execute()
  assert.deepEqual(runs, [
    { result: 'complete', packages: 12, message: null },
    { result: 'complete', packages: 0, message: 'the upstream is unchanged' },
  ])
})

test('an update fetches new packages and counts the removed ones', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(10))
  const first = complete(await mirror.sync())
  await writeRepository(mirror.upstream, [...testPackages(8), ...testPackages(1, '2.0')], {
    revision: 1_800_000_000,
  })
  mirror.asked()
  const second = complete(await mirror.sync())
  assert.deepEqual([second.fetched, second.unchanged, second.removed], [1, 8, 2])
  assert.deepEqual(
    mirror.asked().filter((path) => path.endsWith('.rpm')),
    ['Packages/p/pkg0-2.0-1.noarch.rpm'],
  )
  assert.notEqual(second.version, first.version)
  assert.equal(
    (await readManifest(mirror.database.query, first.version as number)).filter(
      (each) => each.kind === 'package',
    ).length,
    10,
    'old versions never change',
  )
})

test('RS-14: rejects an older revision unless it is allowed', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(2), { revision: 1_800_000_000 })
  complete(await mirror.sync())
  await writeRepository(mirror.upstream, testPackages(3), { revision: 1_700_000_000 })
  const error = failed(await mirror.sync())
  assert.deepEqual([error.code, error.exit], ['mirror.rollback', 'verification'])
  assert.equal(complete(await mirror.sync({ allowRollback: true })).fetched, 1)
})

test('RS-31: rejects the loss of nearly all packages unless accepted', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(20))
  complete(await mirror.sync())
  await writeRepository(mirror.upstream, [], { revision: 1_800_000_000 })
  assert.match(failed(await mirror.sync()).message, /shrank from 20 to 0 packages/)
  assert.equal(complete(await mirror.sync({ acceptShrink: true })).removed, 20)
})

test('RS-16: starts again if the upstream is updated during the sync', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(4))
  const next = join(mirror.folder, 'next')
  await writeRepository(next, testPackages(4, '2.0'), { revision: 1_800_000_000 })
  let pushed = false
  mirror.fault = async (request, response) => {
    if (!request.url?.endsWith('primary.xml.gz') || pushed) return false
    pushed = true
    await rename(mirror.upstream, `${mirror.upstream}.old`)
    await rename(next, mirror.upstream)
    response.writeHead(404).end()
    return true
  }
  const result = complete(await mirror.sync())
  assert.match(result.notices.join(), /was updated during the sync/)
  const files = await readManifest(mirror.database.query, result.version as number)
  assert.ok(files.some((file) => file.path.includes('pkg0-2.0')))
})

test('a dry run reports the plan of a sync and changes nothing', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(5))
  const plan = complete(await mirror.sync({ dryRun: true }))
  assert.deepEqual([plan.fetched, plan.version], [5, undefined])
  assert.ok(!mirror.asked().some((path) => path.endsWith('.rpm')))
  const recorded = await mirror.database.query.selectFrom('sync_run').selectAll().execute()
  assert.deepEqual(recorded, [], 'a dry run has no record')
  assert.equal(complete(await mirror.sync()).fetched, 5)
})

test('fetches lost content again although the upstream is unchanged', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(3))
  const first = complete(await mirror.sync())
  const [lost] = (await readManifest(mirror.database.query, first.version as number)).filter(
    (file) => file.kind === 'package',
  )
  await mirror.pool.remove((lost as { blob: BlobId }).blob)
  mirror.asked()
  const second = complete(await mirror.sync())
  assert.deepEqual([second.upToDate, second.fetched], [false, 1])
  assert.match(second.notices.join(), /has lost files/)
  assert.ok(await bytesAt(mirror, second.version, (lost as { path: string }).path))
  assert.equal(complete(await mirror.sync()).upToDate, true)
})

test('reads an unchanged upstream again after a change of configuration', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(2))
  complete(await mirror.sync())
  const moved = mirror.config({
    rpm: { gpgcheck: false, repo_gpgcheck: false },
    upstream: { url: `${mirror.server.url}.` },
  })
  assert.equal(complete(await mirror.sync({}, moved)).upToDate, false)
  assert.equal(complete(await mirror.sync({}, moved)).upToDate, true)
})

test('detects an upstream without repodata, and lost content', async () => {
  await using mirror = await testMirror()
  assert.equal(failed(await mirror.sync()).code, 'mirror.missing')
  const { packages: written } = await writeRepository(mirror.upstream, testPackages(3))
  const first = complete(await mirror.sync())
  const lost = (await readManifest(mirror.database.query, first.version as number)).find(
    (file) => file.path === written[0]?.href,
  )
  await mirror.pool.remove((lost as { blob: Parameters<typeof mirror.pool.remove>[0] }).blob)
  await writeRepository(mirror.upstream, testPackages(4), { revision: 1_800_000_000 })
  assert.equal(complete(await mirror.sync()).fetched, 2)
  await rm(join(mirror.upstream, 'repodata'), { recursive: true })
  assert.equal(failed(await mirror.sync()).code, 'mirror.missing')
  await unlink(join(mirror.upstream, written[0]?.href as string))
})

test('a full disk fails the sync, and the next one continues', async () => {
  let left = 60_000
  const disk: Disk = {
    ...systemDisk,
    async write(file, parts, position) {
      left -= parts.reduce((sum, part) => sum + part.length, 0)
      if (left < 0)
        throw Object.assign(new Error('ENOSPC: no space left on device, writev'), {
          code: 'ENOSPC',
        })
      return systemDisk.write(file, parts, position)
    },
  }
  await using mirror = await testMirror({ workers: 2, disk })
  await writeRepository(mirror.upstream, testPackages(60))
  const error = failed(await mirror.sync())
  assert.deepEqual([error.code, error.exit], ['blob.no-space', 'failed'])
  const [run] = await mirror.database.query
    .selectFrom('sync_run')
    .select(['result', 'message'])
    .execute()
  assert.deepEqual([run?.result, run?.message], ['failed', error.message])
  assert.deepEqual(
    await mirror.database.query.selectFrom('repository_version').selectAll().execute(),
    [],
  )
  assert.deepEqual(
    await readdir(join(mirror.pool.folder, 'temporary')),
    [],
    'no partial file is left',
  )
  left = Number.POSITIVE_INFINITY
  const { fetched } = complete(await mirror.sync())
  assert.ok(
    fetched > 0 && fetched < 60,
    `${fetched} of 60 packages were fetched by the second sync`,
  )
})
