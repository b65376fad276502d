import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import type { PackageSpec } from '../../../fixtures/rpm/spec.ts'
import { bytesAt, complete, testMirror, testPackages } from './testing.ts'

test('runs ten downloads at the same time', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(25))
  let waiting = 0
  const ten = Promise.withResolvers<void>()
  // The first response waits for ten requests. With fewer in parallel, the sync would time out.
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

test('RS-32: the next sync fetches only the package that was missing', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(20))
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
  assert.equal(
    (await mirror.database.query.selectFrom('repository_version').selectAll().execute()).length,
    0,
  )
  mirror.fault = undefined
  mirror.asked()
  const second = complete(await mirror.sync())
  assert.equal(second.fetched, 1)
  assert.deepEqual(
    mirror.asked().filter((path) => path.endsWith('.rpm')),
    ['Packages/p/pkg7-1.0-1.noarch.rpm'],
  )
})

test('RS-12: fetches a damaged package again, and never keeps the damaged bytes', async () => {
  await using mirror = await testMirror()
  const { packages: written } = await writeRepository(mirror.upstream, testPackages(3))
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
  await writeRepository(second.upstream, testPackages(3))
  await writeFile(join(second.upstream, path), wrong)
  const result = await second.sync()
  assert.equal(result.result, 'incomplete')
  assert.match(
    result.failures[0]?.reason ?? '',
    /pkg1-1\.0-1\.noarch\.rpm does not have the SHA-256/,
  )
  const kept: string[] = []
  for await (const { id } of second.pool.list())
    kept.push(
      createHash('sha256')
        .update(await readFile(second.pool.path(id)))
        .digest('hex'),
    )
  assert.ok(!kept.includes(createHash('sha256').update(wrong).digest('hex')))
})

test('the next sync continues an interrupted one, which accepts nothing', async () => {
  await using mirror = await testMirror({ workers: 1 })
  await writeRepository(mirror.upstream, testPackages(40))
  const abort = new AbortController()
  let fetched = 0
  const interrupted = mirror.sync({
    signal: abort.signal,
    onEvent: (event) => {
      if (event.type === 'fetched' && event.file.endsWith('.rpm') && ++fetched === 20)
        abort.abort(new Error('Ctrl-C'))
    },
  })
  await assert.rejects(interrupted, /Ctrl-C/)
  const [run] = await mirror.database.query
    .selectFrom('sync_run')
    .select(['result', 'message'])
    .execute()
  assert.deepEqual(run, { result: 'failed', message: 'interrupted' })
  const result = complete(await mirror.sync())
  assert.ok(result.fetched <= 21, `${result.fetched} packages were fetched again`)
})

test('an upstream that stops responding ends the sync early', async () => {
  await using mirror = await testMirror({ workers: 2, retries: 0 })
  await writeRepository(mirror.upstream, testPackages(60))
  mirror.fault = (request) => {
    if (!request.url?.endsWith('.rpm')) return false
    request.socket.destroy()
    return true
  }
  const result = await mirror.sync()
  assert.equal(result.result, 'incomplete')
  assert.ok(result.result === 'incomplete' && result.untried > 40 && result.failures.length < 20)
})

test('RS-32: stops early at an overloaded upstream', async () => {
  for (const head of [{ status: 503 }, { status: 429, headers: { 'retry-after': '86400' } }]) {
    await using mirror = await testMirror({ workers: 2, retries: 0 })
    await writeRepository(mirror.upstream, testPackages(60))
    mirror.fault = (request, response) => {
      if (!request.url?.endsWith('.rpm')) return false
      response.writeHead(head.status, head.headers).end()
      return true
    }
    const result = await mirror.sync()
    assert.equal(result.result, 'incomplete')
    assert.ok(mirror.asked().filter((path) => path.endsWith('.rpm')).length < 20)
  }
})

test('RS-32: names the missing files if the upstream disappears', async () => {
  await using mirror = await testMirror({ workers: 2, retries: 0 })
  await writeRepository(mirror.upstream, testPackages(60))
  let gone = false
  mirror.fault = (request) => {
    gone ||= request.url?.endsWith('.rpm') === true
    if (gone) request.socket.destroy()
    return gone
  }
  const result = await mirror.sync()
  assert.equal(result.result, 'incomplete')
  assert.match(result.failures[0]?.file ?? '', /\.rpm$/)
})

test('publishes a percent-encoded name exactly as listed', async () => {
  await using mirror = await testMirror()
  const href = (spec: PackageSpec): string => `Packages/${spec.name}-1%2E0.rpm`
  const { packages: written } = await writeRepository(mirror.upstream, testPackages(2), { href })
  // One file has the decoded name, the other the name as it is listed.
  await rename(
    join(mirror.upstream, 'Packages/pkg0-1%2E0.rpm'),
    join(mirror.upstream, 'Packages/pkg0-1.0.rpm'),
  )
  mirror.fault = (request, response, nth) => {
    const cut = request.url === '/Packages/pkg0-1.0.rpm' && nth === 1
    if (cut) response.end('x'.repeat(written[0]?.bytes.length ?? 0))
    return cut
  }
  const first = complete(await mirror.sync())
  // The same contents at another place of another repository change nothing for this one.
  const other = join(mirror.upstream, 'other')
  await writeRepository(other, testPackages(2))
  complete(
    await mirror.sync(
      {},
      mirror.config({ name: 'other', upstream: { url: `${mirror.server.url}other/` } }),
    ),
  )
  await writeRepository(mirror.upstream, testPackages(3), { href, revision: 1_800_000_000 })
  const second = complete(await mirror.sync())
  for (const { version } of [first, second])
    for (const { href: path } of written) assert.ok(await bytesAt(mirror, version, path), path)
})
