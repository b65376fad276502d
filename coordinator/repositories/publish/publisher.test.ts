import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import type { PackageSpec } from '../../../fixtures/rpm/spec.ts'
import { systemClock } from '../../../shared/clock.ts'
import { readRepomd } from '../formats/rpm/metadata/repomd.ts'
import { silentLog, type TestMirror, testMirror } from '../sync/testing.ts'
import { createLookup } from './lookup.ts'
import type { Publication } from './destination.ts'
import { createPublisher } from './publisher.ts'

const signal = new AbortController().signal
const packages = (version: string): PackageSpec[] =>
  ['a', 'b'].map((name) => ({
    name,
    version,
    release: '1',
    files: [{ path: `/${name}`, content: version }],
  }))

/** Syncs a repository of two packages in this version. Returns the id of the accepted version. */
async function accept(mirror: TestMirror, version: string): Promise<number> {
  await writeRepository(mirror.upstream, packages(version), {
    revision: 1_700_000_000 + Number(version),
  })
  const result = await mirror.sync()
  assert.equal(result.result, 'complete')
  return (result as { version: number }).version
}

const latest = (mirror: TestMirror): Publication => ({
  repository: 'repo',
  target: 'latest',
  path: mirror.config().publish.latest_path,
})
const tree = (mirror: TestMirror): string => latest(mirror).path

test('publishes a version byte for byte, read-only, with a manifest', async () => {
  await using mirror = await testMirror()
  const version = await accept(mirror, '1')
  const published = await mirror.publisher.publish({
    ...latest(mirror),
    version,
    signal,
    operation: 'op',
  })
  assert.deepEqual([published.generation, published.changed, published.files], [1, true, 2 + 3 + 1])
  const names = await readdir(tree(mirror), { recursive: true })
  for (const name of names) {
    const stats = await lstat(join(tree(mirror), name))
    if (stats.isDirectory()) assert.equal(stats.mode & 0o7777, 0o755, name)
    else {
      assert.ok(stats.isFile())
      assert.equal(stats.mode & 0o7777, 0o444, name)
      assert.deepEqual(
        await readFile(join(tree(mirror), name)),
        await readFile(join(mirror.upstream, name)),
        name,
      )
    }
  }
  const target = await readlink(tree(mirror))
  assert.match(target, /^\.gen\/latest\/1-[0-9a-f]{16}\/tree$/)
  const manifest = JSON.parse(
    await readFile(join(dirname(tree(mirror)), dirname(target), 'MANIFEST'), 'utf8'),
  )
  assert.deepEqual(
    [
      manifest.repository,
      manifest.version,
      manifest.generation,
      manifest.operation,
      manifest.files,
    ],
    ['repo', version, 1, 'op', 6],
  )
  const again = await mirror.publisher.publish({ ...latest(mirror), version, signal })
  assert.deepEqual([again.generation, again.changed], [1, false])
})

test('PB-01, PB-02: readers find every file of their repomd.xml across switches', async () => {
  await using mirror = await testMirror()
  const versions = [await accept(mirror, '1'), await accept(mirror, '2'), await accept(mirror, '3')]
  await mirror.publisher.publish({ ...latest(mirror), version: versions[0] as number, signal })
  let switching = true
  let read = 0
  const reader = async (): Promise<void> => {
    while (switching || read < 20) {
      const repomd = readRepomd(await readFile(join(tree(mirror), 'repodata/repomd.xml')))
      // Wait a little between the two requests, as a client on the network does.
      await systemClock.sleep(read % 3)
      for (const { href, checksum } of repomd.records)
        assert.equal(
          createHash('sha256')
            .update(await readFile(join(tree(mirror), href)))
            .digest('hex'),
          checksum.value,
        )
      read += 1
    }
  }
  const readers = [reader(), reader(), reader()]
  for (let round = 1; round <= 60; round += 1)
    await mirror.publisher.publish({
      ...latest(mirror),
      version: versions[round % 3] as number,
      signal,
    })
  switching = false
  await Promise.all(readers)
  assert.ok(read >= 20)
  const kept = await readdir(join(dirname(tree(mirror)), '.gen/latest'))
  assert.equal(kept.length, 3, 'older generations are cleaned up')
})

test('PB-02: drops old metadata when clients no longer request it', async () => {
  let ahead = 0
  const clock = { ...systemClock, now: () => systemClock.now() + ahead }
  await using mirror = await testMirror({ clock })
  for (const version of ['1', '2', '3', '4', '5'])
    await mirror.publisher.publish({
      ...latest(mirror),
      version: await accept(mirror, version),
      signal,
    })
  assert.equal((await readdir(join(tree(mirror), 'repodata'))).length, 1 + 5 * 3)
  ahead = 49 * 3_600_000
  await mirror.publisher.publish({ ...latest(mirror), version: await accept(mirror, '6'), signal })
  // The metadata of the last three generations stays, however old it is. The publication above has
  // only just replaced one of them.
  assert.equal((await readdir(join(tree(mirror), 'repodata'))).length, 1 + 4 * 3)
})

test('PB-06: rejects a folder, file or foreign link, and leaves it unchanged', async () => {
  await using mirror = await testMirror()
  const version = await accept(mirror, '1')
  await mkdir(dirname(tree(mirror)), { recursive: true })
  const attempts: [string, () => Promise<unknown>][] = [
    ['a real folder', () => mkdir(tree(mirror))],
    ['a file', () => writeFile(tree(mirror), 'mine')],
    ['a foreign link', () => symlink('/etc', tree(mirror))],
    ['a dangling link', () => symlink('nowhere', tree(mirror))],
    ['a link out of the generations', () => symlink('.gen/latest/../../x/tree', tree(mirror))],
  ]
  for (const [name, make] of attempts) {
    await make()
    const before = await lstat(tree(mirror))
    await assert.rejects(
      mirror.publisher.publish({ ...latest(mirror), version, signal }),
      { code: 'publish.target', exit: 'conflict' },
      name,
    )
    assert.equal((await lstat(tree(mirror))).ino, before.ino)
    await rm(tree(mirror), { recursive: true })
  }
  await mkdir(join(dirname(tree(mirror)), 'elsewhere'))
  await symlink('elsewhere', join(dirname(tree(mirror)), '.gen'))
  await assert.rejects(mirror.publisher.publish({ ...latest(mirror), version, signal }), {
    code: 'publish.target',
    message: /not a real folder/,
  })
})

test('PB-04: recovery corrects a link after a crash or a change', async () => {
  await using mirror = await testMirror()
  const first = await accept(mirror, '1')
  await mirror.publisher.publish({ ...latest(mirror), version: first, signal })
  const old = await readlink(tree(mirror))
  const second = await accept(mirror, '2')
  await mirror.publisher.publish({ ...latest(mirror), version: second, signal })
  const right = await readlink(tree(mirror))
  assert.deepEqual(await mirror.publisher.recover([latest(mirror)], signal), [])
  await rm(tree(mirror))
  await symlink(old, tree(mirror))
  assert.deepEqual(await mirror.publisher.recover([latest(mirror)], signal), [latest(mirror)])
  assert.equal(await readlink(tree(mirror)), right)
  await rm(tree(mirror))
  assert.equal((await mirror.publisher.recover([latest(mirror)], signal)).length, 1)
  assert.equal(await readlink(tree(mirror)), right)
  await rm(join(dirname(tree(mirror)), '.gen'), { recursive: true })
  assert.equal((await mirror.publisher.recover([latest(mirror)], signal)).length, 1)
  assert.ok((await readFile(join(tree(mirror), 'repodata/repomd.xml'))).length > 0)
  assert.deepEqual(
    await mirror.publisher.recover([{ ...latest(mirror), target: 'none' }], signal),
    [],
  )
})

test('PB-07: if two publishers use the same number, one gets a conflict', async () => {
  await using mirror = await testMirror()
  const version = await accept(mirror, '1')
  const other = createPublisher({
    database: mirror.database,
    pool: mirror.pool,
    destination: mirror.destination,
    clock: systemClock,
    log: silentLog,
  })
  const results = await Promise.allSettled(
    [mirror.publisher, other].map((each) => each.publish({ ...latest(mirror), version, signal })),
  )
  const lost = results.filter((each) => each.status === 'rejected')
  for (const each of lost) assert.equal(each.reason.code, 'publish.conflict')
  assert.ok(lost.length <= 1)
  assert.ok((await readFile(join(tree(mirror), 'repodata/repomd.xml'))).length > 0)
  const rows = await mirror.database.query
    .selectFrom('generation')
    .select('number')
    .orderBy('number')
    .execute()
  assert.deepEqual(
    rows.map((row) => row.number),
    rows.map((_, index) => index + 1),
  )
})

test('PB-10: a failed publication leaves only the old version', async () => {
  await using mirror = await testMirror()
  const first = await accept(mirror, '1')
  await mirror.publisher.publish({ ...latest(mirror), version: first, signal })
  const before = await readlink(tree(mirror))
  const second = await accept(mirror, '2')
  const lookup = createLookup({ database: mirror.database, clock: systemClock })
  const row = await mirror.database.query
    .selectFrom('version_package')
    .innerJoin('package', 'package.pk', 'version_package.package')
    .select('blob')
    .where('version_package.version', '=', second)
    .executeTakeFirstOrThrow()
  await mirror.pool.remove(row.blob as never)
  await assert.rejects(mirror.publisher.publish({ ...latest(mirror), version: second, signal }), {
    code: 'publish.content',
    exit: 'partly',
    message: /repo\/latest .*Packages\/[ab]\/[ab]-2-1\.noarch\.rpm/,
  })
  assert.equal(await readlink(tree(mirror)), before)
  assert.equal((await readdir(join(dirname(tree(mirror)), '.gen/latest'))).length, 1)
  assert.ok(await lookup.lookup('repo', 'latest', 'Packages/a/a-1-1.noarch.rpm'))
  await assert.rejects(mirror.publisher.publish({ ...latest(mirror), version: 999, signal }), {
    code: 'publish.unknown-version',
    exit: 'notFound',
  })
  await assert
    .rejects(
      mirror.publisher.publish({
        ...latest(mirror),
        version: first,
        signal: AbortSignal.abort(new Error('stop')),
      }),
      /stop/,
    )
    .catch(() => {})
})

test('a rejected additional change leaves everything unchanged', async () => {
  await using mirror = await testMirror()
  const first = await accept(mirror, '1')
  const second = await accept(mirror, '2')
  await mirror.publisher.publish({ ...latest(mirror), version: first, signal })
  const before = await readlink(tree(mirror))
  const also = async (): Promise<void> => {
    throw new Error('the log is full')
  }
  await assert.rejects(
    mirror.publisher.publish({ ...latest(mirror), version: second, signal, also }),
    /the log is full/,
  )
  assert.equal(await readlink(tree(mirror)), before)
  await mirror.publisher.publish({ ...latest(mirror), version: second, signal })
  const back = await mirror.publisher.publish({ ...latest(mirror), version: first, signal })
  assert.equal(back.generation, 3)
  assert.ok((await readdir(join(tree(mirror), 'Packages/a'))).includes('a-1-1.noarch.rpm'))
})

test('withdrawing a target removes its link, generations and rows', async () => {
  await using mirror = await testMirror()
  const version = await accept(mirror, '1')
  const path = join(mirror.config().publish.snapshots_path, 's1')
  const snapshot = { repository: 'repo', target: 's1', path }
  await mirror.publisher.publish({ ...snapshot, version, signal })
  assert.ok((await readFile(join(path, 'repodata/repomd.xml'))).length > 0)
  await mirror.publisher.withdraw(snapshot)
  await assert.rejects(lstat(path), { code: 'ENOENT' })
  assert.deepEqual(await readdir(join(dirname(path), '.gen')), [])
  assert.equal(
    (await mirror.database.query.selectFrom('generation').selectAll().execute()).length,
    0,
  )
  await mirror.publisher.withdraw(snapshot)
})
