import assert from 'node:assert/strict'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { formats } from '../compose/formats.ts'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import { systemClock } from '../../shared/clock.ts'
import { silentLog, testMirror } from '../repositories/sync/testing.ts'
import { createHttpServer } from './server.ts'

const signal = new AbortController().signal

/** Returns the status for a path that is sent unchanged. `fetch` would normalise the path. */
function statusOf(base: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(base, { path, agent: false }, (response) =>
      resolve(response.resume().statusCode as number),
    )
    asked.on('error', reject)
    asked.end()
  })
}

test('http: serves the published trees of latest and snapshots, also after a switch', async () => {
  await using mirror = await testMirror()
  const config = mirror.config()
  const server = await createHttpServer(
    { formats, clock: systemClock, log: silentLog },
    { listen: '127.0.0.1:0', repositories: () => [config] },
  )
  const get = (path: string): Promise<Response> => fetch(`${server.url}${path}`)
  try {
    assert.equal((await get('/repos/repo/latest/repodata/repomd.xml')).status, 404)
    const publish = async (target: string, path: string, revision: number): Promise<void> => {
      await writeRepository(
        mirror.upstream,
        [{ name: 'a', version: String(revision), release: '1' }],
        { revision },
      )
      const result = await mirror.sync()
      await mirror.publisher.publish({
        repository: 'repo',
        target,
        path,
        version: (result as { version: number }).version,
        signal,
      })
    }
    await publish('latest', config.publish.latest_path, 1_700_000_000)
    await publish('s1', join(config.publish.snapshots_path, 's1'), 1_800_000_000)
    const repomd = await get('/repos/repo/latest/repodata/repomd.xml')
    assert.equal(repomd.headers.get('cache-control'), 'no-cache')
    assert.match(await repomd.text(), /<revision>1700000000</)
    assert.match(
      await (await get('/repos/repo/snapshots/s1/repodata/repomd.xml')).text(),
      /<revision>1800000000</,
    )
    const primary = /href="(repodata\/[0-9a-f]{64}-primary.xml.gz)"/.exec(
      await (await get('/repos/repo/latest/repodata/repomd.xml')).text(),
    )?.[1]
    const immutable = await get(`/repos/repo/latest/${primary}`)
    assert.match(immutable.headers.get('cache-control') ?? '', /immutable/)
    assert.deepEqual(
      Buffer.from(await immutable.arrayBuffer()),
      await readFile(join(config.publish.latest_path, primary as string)),
    )
    for (const [path, link] of [
      ['/', 'repos/'],
      ['/repos/', 'repo/'],
      ['/repos/repo/', 'latest/'],
      ['/repos/repo/snapshots/', 's1/'],
      ['/repos/repo/latest/', 'Packages/'],
    ] as const)
      assert.match(await (await get(path)).text(), new RegExp(`href="\\./${link}"`), path)
    assert.equal(await (await get('/healthz')).text(), 'ok\n')
    await publish('latest', config.publish.latest_path, 1_900_000_000)
    assert.match(
      await (await get('/repos/repo/latest/repodata/repomd.xml')).text(),
      /<revision>1900000000</,
    )
  } finally {
    await server.close()
  }
})

test('http: a rollback reaches a cache that sends If-Modified-Since', async () => {
  await using mirror = await testMirror()
  const config = mirror.config()
  const server = await createHttpServer(
    { formats, clock: systemClock, log: silentLog },
    { listen: '127.0.0.1:0', repositories: () => [config] },
  )
  try {
    const path = `${server.url}/repos/repo/latest/repodata/repomd.xml`
    const versions: number[] = []
    const publish = async (version: number): Promise<void> =>
      void (await mirror.publisher.publish({
        repository: 'repo',
        target: 'latest',
        path: config.publish.latest_path,
        version,
        signal,
      }))
    for (const revision of [1_700_000_000, 1_800_000_000]) {
      const spec = { name: 'a', version: String(revision), release: '1' }
      await writeRepository(mirror.upstream, [spec], { revision })
      const { version } = (await mirror.sync()) as { version: number }
      versions.push(version)
      await publish(version)
    }
    const bad = await fetch(path)
    const [etag, modified] = [bad.headers.get('etag'), bad.headers.get('last-modified')]
    assert.match(await bad.text(), /<revision>1800000000</)
    await publish(versions[0] as number)
    // If the response has no Last-Modified, a cache uses the time of the response. The year 2999 is
    // later than every such time.
    const since = modified ?? 'Tue, 31 Dec 2999 00:00:00 GMT'
    const asked = await fetch(path, { headers: { 'if-modified-since': since } })
    assert.equal(asked.status, 200)
    const text = await asked.text()
    assert.match(text, /<revision>1700000000</)
    const tagged = { 'if-none-match': etag as string, 'if-modified-since': since }
    assert.equal((await fetch(path, { headers: tagged })).status, 200)
    const now = { 'if-none-match': asked.headers.get('etag') as string }
    assert.equal((await fetch(path, { headers: now })).status, 304)
    // A file with its checksum in its name never changes, so it keeps its Last-Modified.
    const primary = /href="(repodata\/[0-9a-f]{64}-primary.xml.gz)"/.exec(text)?.[1]
    const fixed = await fetch(`${server.url}/repos/repo/latest/${primary}`)
    assert.ok(fixed.headers.has('last-modified'))
    await fixed.arrayBuffer()
  } finally {
    await server.close()
  }
})

test('PB-14: serves no staging, generations, foreign links or other repositories', async () => {
  await using mirror = await testMirror()
  const config = mirror.config()
  const parent = dirname(config.publish.latest_path)
  await mkdir(join(parent, 'snapshots'), { recursive: true })
  await mkdir(join(parent, '.gen/latest/1-0123456789abcdef/tree'), { recursive: true })
  await writeFile(join(parent, '.gen/latest/1-0123456789abcdef/tree/x'), 'x')
  await writeFile(join(parent, 'secret'), 'secret')
  await symlink('..', join(parent, 'snapshots/up'))
  await symlink('/etc', config.publish.latest_path)
  const server = await createHttpServer(
    { formats, clock: systemClock, log: silentLog },
    { listen: '127.0.0.1:0', repositories: () => [config] },
  )
  try {
    for (const path of [
      '/repos/repo/.gen/latest/1-0123456789abcdef/tree/x',
      '/repos/repo/latest/passwd',
      '/repos/repo/latest/',
      '/repos/repo/snapshots/up/secret',
      '/repos/repo/snapshots/.gen/',
      '/repos/repo/snapshots/latest/',
      '/repos/none/latest/',
      '/repos/repo/secret',
      '/.git/config',
    ])
      assert.equal(await statusOf(server.url, path), 404, path)
    for (const path of [
      '/repos/repo/latest/../secret',
      '/repos/repo/snapshots/%2e%2e/secret',
      '/repos/repo/latest/..%2f..%2fsecret',
    ])
      assert.equal(await statusOf(server.url, path), 400, path)
  } finally {
    await server.close()
  }
})
