import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import type { PackageSpec } from '../../fixtures/rpm/spec.ts'
import { readManifest } from '../content/manifest.ts'
import type { SyncResult } from './mirror.ts'
import { type TestMirror, testMirror } from './testing.ts'

const packages = (count: number, version = '1.0'): PackageSpec[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `pkg${index}`,
    version,
    release: '1',
    files: [{ path: `/usr/share/p${index}`, content: `${index} ${version}` }],
  }))

async function bytesAt(mirror: TestMirror, version: number | undefined, path: string): Promise<Buffer | undefined> {
  const file = (await readManifest(mirror.database.query, version as number)).find((each) => each.path === path)
  return file === undefined ? undefined : readFile(mirror.pool.path(file.blob))
}

function complete(result: SyncResult) {
  if (result.result === 'failed') throw result.error
  assert.equal(result.result, 'complete', JSON.stringify(result.failures))
  return result
}

function failed(result: SyncResult) {
  assert.equal(result.result, 'failed')
  if (result.result !== 'failed') throw new Error('unreachable')
  return result.error
}

test('a sync accepts every listed file byte for byte, and the next one costs one request', async () => {
  await using mirror = await testMirror()
  const written = await writeRepository(mirror.upstream, packages(12))
  await writeFile(join(mirror.upstream, 'repodata/repomd.xml.asc'), 'signature')
  const first = complete(await mirror.sync())
  assert.deepEqual([first.fetched, first.unchanged, first.removed, first.upToDate], [12, 0, 0, false])
  for (const path of [
    'repodata/repomd.xml',
    'repodata/repomd.xml.asc',
    ...written.metadata.map((each) => each.href),
    ...written.packages.map((each) => each.href),
  ])
    assert.deepEqual(await bytesAt(mirror, first.version, path), await readFile(join(mirror.upstream, path)), path)
  assert.equal((await readManifest(mirror.database.query, first.version as number)).length, 12 + 3 + 2)
  const total = mirror.events.findLast((event) => event.type === 'total')
  const done = mirror.events.filter((event) => event.type === 'fetched')
  assert.deepEqual([total?.files, total?.bytes], [done.length, done.reduce((sum, event) => sum + event.bytes, 0)])
  mirror.asked()
  const second = complete(await mirror.sync())
  assert.deepEqual([second.version, second.upToDate, second.fetched], [first.version, true, 0])
  assert.deepEqual(mirror.asked(), ['repodata/repomd.xml'])
  const runs = await mirror.database.query.selectFrom('sync_run').select(['result', 'packages', 'message']).orderBy('started_at').execute()
  assert.deepEqual(runs, [
    { result: 'complete', packages: 12, message: null },
    { result: 'complete', packages: 0, message: 'the upstream is unchanged' },
  ])
})

test('an update fetches what is new and counts what is gone', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(10))
  const first = complete(await mirror.sync())
  await writeRepository(mirror.upstream, [...packages(8), ...packages(1, '2.0')], { revision: 1_800_000_000 })
  mirror.asked()
  const second = complete(await mirror.sync())
  assert.deepEqual([second.fetched, second.unchanged, second.removed], [1, 8, 2])
  assert.deepEqual(
    mirror.asked().filter((path) => path.endsWith('.rpm')),
    ['Packages/p/pkg0-2.0-1.noarch.rpm'],
  )
  assert.notEqual(second.version, first.version)
  assert.equal(
    (await readManifest(mirror.database.query, first.version as number)).filter((each) => each.kind === 'package').length,
    10,
    'old versions never change',
  )
})

test('ten downloads are really in flight at once', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(25))
  let waiting = 0
  const ten = Promise.withResolvers<void>()
  // Nobody is answered before ten are asked for; with fewer in flight the sync would run into its idle limit.
  mirror.fault = async (request) => {
    if (!request.url?.endsWith('.rpm')) return false
    waiting += 1
    if (waiting >= 10) ten.resolve()
    await ten.promise
    return false
  }
  complete(await mirror.sync())
  assert.ok(mirror.server.parallel() >= 10)
})

test('RS-32: one package that is missing makes the sync incomplete, names it, accepts nothing, and the next sync fetches only that', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(20))
  mirror.fault = (request, response) => {
    if (!request.url?.includes('pkg7-')) return false
    response.writeHead(404).end()
    return true
  }
  const first = await mirror.sync()
  assert.equal(first.result, 'incomplete')
  assert.deepEqual(
    first.failures.map((each) => [each.file, each.code]),
    [['Packages/p/pkg7-1.0-1.noarch.rpm', 'mirror.missing']],
  )
  assert.equal((await mirror.database.query.selectFrom('repository_version').selectAll().execute()).length, 0)
  mirror.fault = undefined
  mirror.asked()
  const second = complete(await mirror.sync())
  assert.equal(second.fetched, 1)
  assert.deepEqual(
    mirror.asked().filter((path) => path.endsWith('.rpm')),
    ['Packages/p/pkg7-1.0-1.noarch.rpm'],
  )
})

test('RS-12: a package with one wrong bit is fetched again; one that stays wrong makes the sync incomplete and is not kept', async () => {
  await using mirror = await testMirror()
  const { packages: written } = await writeRepository(mirror.upstream, packages(3))
  const path = (written[1] as { href: string }).href
  const right = await readFile(join(mirror.upstream, path))
  const wrong = Buffer.from(right)
  wrong[100] = (wrong[100] as number) ^ 4
  mirror.fault = (request, response, nth) => {
    if (request.url !== `/${path}` || nth > 1) return false
    response.end(wrong)
    return true
  }
  complete(await mirror.sync())
  assert.deepEqual(
    mirror.events.filter((event) => event.type === 'retry').map((event) => event.file),
    [path],
  )

  await using second = await testMirror()
  await writeRepository(second.upstream, packages(3))
  await writeFile(join(second.upstream, path), wrong)
  const result = await second.sync()
  assert.equal(result.result, 'incomplete')
  assert.match(result.failures[0]?.reason ?? '', /pkg1-1\.0-1\.noarch\.rpm does not have the SHA-256/)
  const kept: string[] = []
  for await (const { id } of second.pool.list())
    kept.push(
      createHash('sha256')
        .update(await readFile(second.pool.path(id)))
        .digest('hex'),
    )
  assert.ok(!kept.includes(createHash('sha256').update(wrong).digest('hex')))
})

test('RS-12: metadata that does not match repomd.xml, stored or decompressed, fails the sync and accepts nothing', async () => {
  for (const [field, reason] of [
    ['checksum', /filelists.*does not have the SHA-256/],
    ['open-checksum', /filelists.*decompressed, does not have the sha256/],
    ['size', /filelists.*does not have the size/],
    ['open-size', /filelists.*(decompressed, does not have the size|is longer than)/],
  ] as const) {
    await using mirror = await testMirror()
    await writeRepository(mirror.upstream, packages(2))
    const file = join(mirror.upstream, 'repodata/repomd.xml')
    const text = await readFile(file, 'utf8')
    const start = text.indexOf('type="filelists"')
    const value = field.endsWith('size') ? '17' : 'f'.repeat(64)
    const changed = text.slice(start).replace(new RegExp(`(<${field}[^>]*>)[^<]*`), `$1${value}`)
    await writeFile(file, text.slice(0, start) + changed)
    assert.match(failed(await mirror.sync()).message, reason, field)
    assert.equal((await mirror.database.query.selectFrom('repository_version').selectAll().execute()).length, 0)
  }
})

test('RS-14: a repository that goes back to an older revision is refused unless that is allowed', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(2), { revision: 1_800_000_000 })
  complete(await mirror.sync())
  await writeRepository(mirror.upstream, packages(3), { revision: 1_700_000_000 })
  const error = failed(await mirror.sync())
  assert.deepEqual([error.code, error.exit], ['mirror.rollback', 'verification'])
  assert.equal(complete(await mirror.sync({ allowRollback: true })).fetched, 1)
})

test('RS-31: a repository that loses nearly all packages is refused unless that is accepted', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(20))
  complete(await mirror.sync())
  await writeRepository(mirror.upstream, [], { revision: 1_800_000_000 })
  assert.match(failed(await mirror.sync()).message, /shrank from 20 to 0 packages/)
  assert.equal(complete(await mirror.sync({ acceptShrink: true })).removed, 20)
})

test('RS-16: an upstream that is updated during the sync is synced from its new repomd.xml', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(4))
  const next = join(mirror.folder, 'next')
  await writeRepository(next, packages(4, '2.0'), { revision: 1_800_000_000 })
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

test('an interrupted sync accepts nothing, says so in its record, and is continued by the next one', async () => {
  await using mirror = await testMirror({ workers: 1 })
  await writeRepository(mirror.upstream, packages(40))
  const abort = new AbortController()
  let fetched = 0
  const interrupted = mirror.sync({
    signal: abort.signal,
    onEvent: (event) => {
      if (event.type === 'fetched' && event.file.endsWith('.rpm') && ++fetched === 20) abort.abort(new Error('Ctrl-C'))
    },
  })
  await assert.rejects(interrupted, /Ctrl-C/)
  const [run] = await mirror.database.query.selectFrom('sync_run').select(['result', 'message']).execute()
  assert.deepEqual(run, { result: 'failed', message: 'interrupted' })
  const result = complete(await mirror.sync())
  assert.ok(result.fetched <= 21, `${result.fetched} packages were fetched again`)
})

test('an upstream that stops answering ends the sync early', async () => {
  await using mirror = await testMirror({ workers: 2, retries: 0 })
  await writeRepository(mirror.upstream, packages(60))
  mirror.fault = (request) => {
    if (!request.url?.endsWith('.rpm')) return false
    request.socket.destroy()
    return true
  }
  const result = await mirror.sync()
  assert.equal(result.result, 'incomplete')
  assert.ok(result.result === 'incomplete' && result.untried > 40 && result.failures.length < 20)
})

test('a dry run says what a sync would do and does none of it', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(5))
  const plan = complete(await mirror.sync({ dryRun: true }))
  assert.deepEqual([plan.fetched, plan.version], [5, undefined])
  assert.ok(!mirror.asked().some((path) => path.endsWith('.rpm')))
  assert.equal(complete(await mirror.sync()).fetched, 5)
})

test('key files are found at the upstream, or come from where the configuration says', async () => {
  const armored = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n'
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(1))
  await writeFile(join(mirror.upstream, 'RPM-GPG-KEY-fixtures'), armored)
  await writeFile(join(mirror.upstream, 'RPM-GPG-KEY-junk'), 'not a key')
  const found = complete(await mirror.sync())
  assert.equal((await bytesAt(mirror, found.version, 'RPM-GPG-KEY-fixtures'))?.toString(), armored)
  assert.equal(await bytesAt(mirror, found.version, 'RPM-GPG-KEY-junk'), undefined)

  const keyFile = join(mirror.folder, 'vendor.asc')
  await writeFile(keyFile, armored)
  const local = mirror.config({ name: 'local', rpm: { gpgkey_file: keyFile, gpgcheck: false, repo_gpgcheck: false } })
  assert.ok(await bytesAt(mirror, complete(await mirror.sync({}, local)).version, 'vendor.asc'))
  const url = new URL('RPM-GPG-KEY-fixtures', mirror.server.url).href
  const remote = mirror.config({ name: 'remote', rpm: { gpgkey_url: url, gpgcheck: false, repo_gpgcheck: false } })
  assert.ok(await bytesAt(mirror, complete(await mirror.sync({}, remote)).version, 'RPM-GPG-KEY-fixtures'))
  const none = mirror.config({ name: 'none', rpm: { gpgkey_url: `${url}-none`, gpgcheck: false, repo_gpgcheck: false } })
  assert.equal(failed(await mirror.sync({}, none)).code, 'mirror.missing')
})

test('what this version can not do is refused before anything is asked for, never quietly left out', async () => {
  await using mirror = await testMirror()
  for (const [overrides, reason] of [
    [{ retention: { policy: 'newest-only' } }, /newest-only is not available/],
    [{ retention: { deleted_packages: 'keep' } }, /deleted_packages keep/],
    [{ rpm: { architectures: ['x86_64'] } }, /architectures/],
    [{ rpm: { gpgkey_url: 'https://keys.invalid/k' } }, /can not check OpenPGP signatures/],
  ] as const) {
    const error = failed(await mirror.sync({}, mirror.config(overrides)))
    assert.deepEqual([error.code, error.exit], ['mirror.unsupported', 'usage'])
    assert.match(error.message, reason)
  }
  assert.deepEqual(mirror.asked(), [])
})

test('a repository is synced once at a time, and check asks for repomd.xml alone', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(3))
  const signal = new AbortController().signal
  assert.deepEqual(await mirror.mirror.check(mirror.config(), signal), { changed: true })
  const running = mirror.sync()
  await assert.rejects(mirror.mirror.sync(mirror.config(), { signal }), { code: 'mirror.running', exit: 'conflict' })
  complete(await running)
  mirror.asked()
  assert.deepEqual(await mirror.mirror.check(mirror.config(), signal), { changed: false })
  assert.deepEqual(mirror.asked(), ['repodata/repomd.xml'])
  await writeRepository(mirror.upstream, packages(4), { revision: 1_800_000_000 })
  assert.deepEqual(await mirror.mirror.check(mirror.config(), signal), { changed: true })
})

test('a changed configuration makes the next sync look again at an unchanged upstream', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, packages(2))
  complete(await mirror.sync())
  const moved = mirror.config({ rpm: { gpgcheck: false, repo_gpgcheck: false }, upstream: { url: `${mirror.server.url}.` } })
  assert.equal(complete(await mirror.sync({}, moved)).upToDate, false)
  assert.equal(complete(await mirror.sync({}, moved)).upToDate, true)
})

test('syncs that a dead process left running are closed at the start', async () => {
  await using mirror = await testMirror()
  const row = { repository: 'repo', started_at: 1, finished_at: null, result: 'running' as const, packages: 0, bytes: 0, message: null }
  await mirror.database.query
    .insertInto('sync_run')
    .values({ id: 'x', ...row })
    .execute()
  assert.equal(await mirror.mirror.recover(), 1)
  assert.equal(await mirror.mirror.recover(), 0)
})

test('an upstream without repodata, and content that the pool has lost since, are seen', async () => {
  await using mirror = await testMirror()
  assert.equal(failed(await mirror.sync()).code, 'mirror.missing')
  const { packages: written } = await writeRepository(mirror.upstream, packages(3))
  const first = complete(await mirror.sync())
  const lost = (await readManifest(mirror.database.query, first.version as number)).find((file) => file.path === written[0]?.href)
  await mirror.pool.remove((lost as { blob: Parameters<typeof mirror.pool.remove>[0] }).blob)
  await writeRepository(mirror.upstream, packages(4), { revision: 1_800_000_000 })
  assert.equal(complete(await mirror.sync()).fetched, 2)
  await rm(join(mirror.upstream, 'repodata'), { recursive: true })
  assert.equal(failed(await mirror.sync()).code, 'mirror.missing')
  await unlink(join(mirror.upstream, written[0]?.href as string))
})
