import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmod,
  link,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import type { BlobId } from '../../../shared/ids.ts'
import { systemRandom } from '../../../shared/random.ts'
import { idsOf, testPool } from '../../../shared/testing/pools.ts'
import { type ManifestFile, readManifest } from '../content/manifest.ts'
import type { Publication } from '../publish/destination.ts'
import type { SyncResult } from './mirror.ts'
import { complete, failed, type TestMirror, testMirror, testPackages } from './testing.ts'

const signal = new AbortController().signal
const RPM = 'Packages/p/pkg0-1.0-1.noarch.rpm'

const publication = (mirror: TestMirror, target = 'latest'): Publication => ({
  repository: 'repo',
  target,
  path: join(mirror.folder, 'publish', target),
})

const publish = (mirror: TestMirror, result: SyncResult, target = 'latest') =>
  mirror.publisher.publish({
    ...publication(mirror, target),
    version: complete(result).version as number,
    signal,
  })

/** Overwrites six bytes in the middle of the file in place, so that all its hard links change. */
async function overwrite(path: string): Promise<void> {
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  await file.write('DAMAGE', Math.floor((await file.stat()).size / 2))
  await file.close()
}

const damages: [string, (path: string) => Promise<unknown>][] = [
  ['overwritten', overwrite],
  ['cut short', (path) => chmod(path, 0o644).then(() => truncate(path, 100))],
  ['removed', (path) => rm(path)],
]

async function filesOf(mirror: TestMirror, version: number | undefined): Promise<ManifestFile[]> {
  return readManifest(mirror.database.query, version as number)
}

async function blobAt(
  mirror: TestMirror,
  version: number | undefined,
  path: string,
): Promise<BlobId> {
  const found = (await filesOf(mirror, version)).find((file) => file.path === path)
  return (found as ManifestFile).blob
}

/** Fails unless every published file has the same bytes as at the upstream. */
async function assertPublished(mirror: TestMirror, target = 'latest'): Promise<void> {
  const { path } = publication(mirror, target)
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const name = join(entry.parentPath, entry.name).slice(path.length + 1)
    const wanted = await readFile(join(mirror.upstream, name))
    assert.deepEqual(await readFile(join(path, name)), wanted, name)
  }
}

/** Creates an agent that has all blobs of the mirror's pool. */
async function agentWith(mirror: TestMirror) {
  const pool = await testPool()
  for (const id of await idsOf(mirror.pool))
    await pool.ingest(mirror.pool.read(id), { maxBytes: 1024 ** 3 })
  mirror.agents.pool = pool
  return pool
}

const without =
  (...names: string[]): TestMirror['fault'] =>
  (request, response) => {
    if (!names.some((name) => decodeURIComponent(request.url ?? '').endsWith(name))) return false
    response.writeHead(404).end()
    return true
  }

test('a sync without changes fetches damaged content again', async () => {
  for (const [what, damage] of damages) {
    await using mirror = await testMirror({ heal: true })
    await writeRepository(mirror.upstream, testPackages(3))
    const first = await mirror.sync()
    await publish(mirror, first)
    for (const path of [RPM, 'repodata/repomd.xml']) {
      const blob = await blobAt(mirror, complete(first).version, path)
      // The published file is a hard link to the pool's file, so a change affects both.
      if (what === 'removed') await damage(mirror.pool.path(blob))
      else await damage(join(publication(mirror).path, path))
      const again = await mirror.sync()
      assert.match(complete(again).notices.join('\n'), new RegExp(`damaged.*${path}`), what)
      assert.equal(await mirror.pool.verify(blob), 'sound', `${path} ${what}`)
      await publish(mirror, again)
      await assertPublished(mirror)
    }
    assert.equal(complete(await mirror.sync()).upToDate, true, what)
  }
})

test('damage with restored times and a changed number of links is never published', async () => {
  await using mirror = await testMirror({ heal: true })
  await writeRepository(mirror.upstream, testPackages(3))
  const first = await mirror.sync()
  await publish(mirror, first)
  const blob = await blobAt(mirror, complete(first).version, RPM)
  const extra = join(mirror.folder, 'extra')
  const unseen = async (): Promise<void> => {
    const [path, before] = [mirror.pool.path(blob), join(mirror.folder, 'before')]
    // utimes() isn't precise enough: it drops nanoseconds.
    await writeFile(before, '')
    execFileSync('touch', ['-r', path, before])
    await overwrite(path)
    execFileSync('touch', ['-r', before, path])
  }
  const changes: [string, () => Promise<void>][] = [
    ['damaged, then linked', () => unseen().then(() => link(mirror.pool.path(blob), extra))],
    ['linked, then damaged', () => link(mirror.pool.path(blob), extra).then(unseen)],
    [
      'damaged, and a link removed',
      () => unseen().then(() => rm(join(publication(mirror).path, RPM))),
    ],
  ]
  for (const [what, change] of changes) {
    await rm(extra, { force: true })
    await change()
    const again = await mirror.sync()
    assert.match(complete(again).notices.join('\n'), new RegExp(`damaged.*${RPM}`), what)
    await publish(mirror, again)
    await assertPublished(mirror)
    await rm(extra, { force: true })
    await change()
    await publish(mirror, first, 's1')
    await assertPublished(mirror, 's1')
    await publish(mirror, first)
    await rm(extra, { force: true })
    await change()
    const other = mirror.config({ name: `other-${changes.findIndex(([each]) => each === what)}` })
    const { version } = complete(await mirror.sync({}, other))
    for (const file of await filesOf(mirror, version))
      assert.equal(await mirror.pool.check(file.blob), true, `${what}: ${file.path}`)
    await publish(mirror, first)
  }
})

test('names damaged content that no source has; the sync is incomplete', async () => {
  await using mirror = await testMirror({ heal: true })
  await writeRepository(mirror.upstream, testPackages(3))
  const first = await mirror.sync()
  await publish(mirror, first)
  const link = await readlink(publication(mirror).path)
  const blob = await blobAt(mirror, complete(first).version, RPM)
  await overwrite(mirror.pool.path(blob))
  mirror.fault = without(RPM)
  for (let round = 0; round < 2; round += 1) {
    const result = await mirror.sync()
    assert.equal(result.result, 'incomplete')
    assert.deepEqual(
      result.failures.map(({ file }) => file),
      [RPM],
    )
  }
  for (const target of ['latest', 's1'])
    await assert.rejects(publish(mirror, first, target), {
      code: 'publish.content',
      exit: 'partly',
      message: new RegExp(RPM),
    })
  assert.equal(await readlink(publication(mirror).path), link)
  mirror.fault = undefined
  await publish(mirror, await mirror.sync())
  await assertPublished(mirror)
})

test('fetches damaged content from an agent if only that has it', async () => {
  for (const [what, damage] of damages) {
    await using mirror = await testMirror({ heal: true })
    await writeRepository(mirror.upstream, testPackages(3))
    const first = await mirror.sync()
    await using _ = await agentWith(mirror)
    mirror.fault = without('.rpm')
    const blob = await blobAt(mirror, complete(first).version, RPM)
    await damage(mirror.pool.path(blob))
    await publish(mirror, await mirror.sync())
    await assertPublished(mirror)
    await damage(mirror.pool.path(blob))
    await publish(mirror, first, 's1')
    await assertPublished(mirror, 's1')
    assert.equal(await mirror.pool.verify(blob), 'sound', what)
  }
})

test('a snapshot fetches damaged content from the upstream', async () => {
  await using mirror = await testMirror({ heal: true })
  await writeRepository(mirror.upstream, testPackages(3))
  const first = await mirror.sync()
  await writeRepository(mirror.upstream, testPackages(3, '2.0'), { revision: 1_800_000_000 })
  await publish(mirror, await mirror.sync())
  await overwrite(mirror.pool.path(await blobAt(mirror, complete(first).version, RPM)))
  await publish(mirror, first, 's1')
  const published = join(publication(mirror, 's1').path, RPM)
  assert.deepEqual(await readFile(published), await readFile(join(mirror.upstream, RPM)))
  // No source has the old metadata any longer.
  const primary = (await filesOf(mirror, complete(first).version)).find(({ path }) =>
    path.includes('primary'),
  ) as ManifestFile
  await rm(join(mirror.upstream, primary.path))
  await overwrite(mirror.pool.path(primary.blob))
  await assert.rejects(publish(mirror, first, 's2'), {
    code: 'publish.content',
    message: new RegExp(`1 files of repo/s2 .*${primary.path}`),
  })
})

test('never reuses damaged content or metadata of another repository', async () => {
  await using mirror = await testMirror({ heal: true })
  const names = Array.from({ length: 40_000 }, () =>
    Buffer.from(systemRandom.bytes(32)).toString('hex'),
  )
  const large = {
    name: 'large',
    version: '1',
    release: '1',
    files: names.map((path) => ({ path: `/${path}`, content: '' })),
  }
  await writeRepository(mirror.upstream, [...testPackages(2), large])
  const first = complete(await mirror.sync())
  const filelists = (await filesOf(mirror, first.version)).find(({ path }) =>
    path.includes('filelists'),
  ) as ManifestFile
  assert.ok(filelists.size > 1024 ** 2, 'large enough to be reused')
  await overwrite(mirror.pool.path(filelists.blob))
  await overwrite(mirror.pool.path(await blobAt(mirror, first.version, RPM)))
  const second = complete(await mirror.sync({}, mirror.config({ name: 'other' })))
  assert.deepEqual([second.fetched, second.unchanged], [1, 0])
  for (const { blob, path } of await filesOf(mirror, second.version))
    assert.equal(await mirror.pool.check(blob), true, path)
})

test('a changed sync does not reuse damaged content', async () => {
  await using mirror = await testMirror({ heal: true })
  await writeRepository(mirror.upstream, testPackages(3))
  const first = complete(await mirror.sync())
  await overwrite(mirror.pool.path(await blobAt(mirror, first.version, RPM)))
  await writeRepository(mirror.upstream, testPackages(4), { revision: 1_800_000_000 })
  const second = await mirror.sync()
  assert.equal(complete(second).fetched, 2)
  await publish(mirror, second)
  await assertPublished(mirror)
})

test('fetches a kept package from an agent, else is incomplete', async () => {
  await using mirror = await testMirror({ heal: true })
  const keeping = mirror.config({ retention: { policy: 'keep-all' } })
  await writeRepository(mirror.upstream, testPackages(3))
  const first = complete(await mirror.sync({}, keeping))
  const agent = await agentWith(mirror)
  const blob = await blobAt(mirror, first.version, RPM)
  await rm(mirror.upstream, { recursive: true })
  await writeRepository(mirror.upstream, testPackages(3).slice(1), { revision: 1_800_000_000 })
  await overwrite(mirror.pool.path(blob))
  const second = complete(await mirror.sync({}, keeping))
  assert.equal(await blobAt(mirror, second.version, RPM), blob)
  assert.equal(await mirror.pool.check(blob), true)
  await overwrite(mirror.pool.path(blob))
  mirror.agents.pool = undefined
  await agent[Symbol.asyncDispose]()
  const third = await mirror.sync({}, keeping)
  assert.deepEqual([third.result, third.failures.map(({ file }) => file)], ['incomplete', [RPM]])
  const given = complete(await mirror.sync({ acceptShrink: true }, keeping))
  assert.ok(!(await filesOf(mirror, given.version)).some(({ path }) => path === RPM))
})

test('rejects damaged metadata of a version whose packages are kept', async () => {
  await using mirror = await testMirror({ heal: true })
  const keeping = mirror.config({ retention: { policy: 'keep-all' } })
  await writeRepository(mirror.upstream, testPackages(3))
  const first = complete(await mirror.sync({}, keeping))
  await rm(mirror.upstream, { recursive: true })
  await writeRepository(mirror.upstream, testPackages(3).slice(1), { revision: 1_800_000_000 })
  for (const kind of ['primary', 'filelists']) {
    const file = (await filesOf(mirror, first.version)).find(({ path }) =>
      path.includes(kind),
    ) as ManifestFile
    await overwrite(mirror.pool.path(file.blob))
    const error = failed(await mirror.sync({}, keeping))
    assert.deepEqual([error.code, error.message.includes(file.path)], ['mirror.metadata', true])
    await using other = await testMirror()
    await writeRepository(other.upstream, testPackages(3))
    complete(await other.sync())
    await mirror.pool.ingest(other.pool.read(file.blob), { maxBytes: 1024 ** 2 })
  }
  const second = complete(await mirror.sync({}, keeping))
  assert.ok((await filesOf(mirror, second.version)).some(({ path }) => path === RPM))
})
