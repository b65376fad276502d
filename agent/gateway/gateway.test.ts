import assert from 'node:assert/strict'
import { type IncomingHttpHeaders, request as httpRequest } from 'node:http'
import { test, type TestContext } from 'node:test'
import { createContent } from '../../node/content/content.ts'
import { createNodePolicy } from '../../node/membership/policy.ts'
import { addressOf, createTestFleet } from '../../node/testing/fleet.ts'
import { addContent, holder, temporaryPool } from '../../node/testing/holder.ts'
import type { blobs } from '../../protocols/blobs/protocol.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import { catalog as catalogProtocol } from '../../protocols/catalog/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { providers } from '../../protocols/providers/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { BlobId } from '../../shared/ids.ts'
import { systemRandom as random } from '../../shared/random.ts'
import { MIB } from '../../shared/units.ts'
import { until } from '../testing/until.ts'
import { createCatalog, type TreeAnswer } from './catalog.ts'
import { createGateway } from './gateway.ts'

const never = new AbortController().signal

/**
 * Starts a coordinator with a tracker and a catalog, and an agent with its gateway, on loopback.
 * The test fills the coordinator's tree, which is a map and not a database.
 */
async function gatewayFleet(t: TestContext) {
  const fleet = await createTestFleet()
  const policy = createNodePolicy()
  const tree = new Map<string, TreeAnswer>()
  let asked = 0
  let failure: Error | undefined
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'mirror' })
  const pool = await temporaryPool(t)
  const tracked = await createContent(
    { node: coordinator, pool, clock: systemClock, random, log: coordinator.log, policy },
    { tracker: true, coordinators: () => [] },
  )
  t.after(() => tracked.close())
  const handlers: Handlers<typeof catalogProtocol> = {
    tree: async ({ repository, snapshot, path }) => {
      asked += 1
      if (failure !== undefined) throw failure
      return (
        tree.get([repository, ...(snapshot === undefined ? [] : [snapshot]), path].join('/')) ?? {
          found: 'nothing',
        }
      )
    },
    repositories: async () => ({
      repositories: [{ id: 'tools', snapshots: ['first'], gpgkey: null }],
    }),
  }
  await coordinator.handle(
    catalogProtocol,
    serveProtocol(catalogProtocol, handlers, { policy, clock: systemClock, log: coordinator.log }),
  )

  // The agent listens on no address, as behind NAT. All traffic uses the connection that it opened.
  const node = await fleet.node(t, { role: 'agent', name: 'web-1' }, { listen: [] })
  await node.dial(addressOf(coordinator))
  const content = await createContent(
    { node, pool: await temporaryPool(t), clock: systemClock, random, log: node.log, policy },
    { tracker: false, coordinators: () => [coordinator.peerId] },
  )
  t.after(() => content.close())
  let later = 0
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + later }
  const catalog = createCatalog({
    clock,
    open: (id, signal) => node.open(coordinator.peerId, id, signal),
  })
  const gateway = await createGateway(
    { catalog, content, clock: systemClock, log: node.log },
    { listen: '127.0.0.1:0' },
  )
  t.after(() => gateway.close())
  return {
    fleet,
    coordinator,
    pool,
    gateway,
    log: node.log,
    asked: () => asked,
    failCatalog: (error: Error) => {
      failure = error
    },
    pass: (ms: number) => {
      later += ms
    },
    put: (path: string, id: BlobId, size: number) =>
      tree.set(path, { found: 'file', blob: id, size }),
    folder: (path: string, entries: string[]) => tree.set(path, { found: 'folder', entries }),
    /** Starts a member that announces the blob. `distort` changes how it serves the blob. */
    async provider(
      name: string,
      id: BlobId,
      size: number,
      distort?: (honest: Handlers<typeof blobs>) => Partial<Handlers<typeof blobs>>,
    ) {
      const made = await holder(t, fleet, name, distort)
      await made.fetch(id, [{ peer: coordinator.peerId, addresses: [addressOf(coordinator)] }])
      const client = openClient(providers, await made.node.open(coordinator.peerId, providers.id), {
        clock: systemClock,
      })
      await client.call(
        'announce',
        { addresses: made.node.addresses(), holds: [{ id, size }], drops: [] },
        { signal: never },
      )
      await client.close()
      return made
    },
    get: (path: string, headers: Record<string, string> = {}, method = 'GET') =>
      ask(gateway.url, path, headers, method),
  }
}

interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly complete: boolean
}

/** Sends a request with an unchanged path. fetch() would normalise the path. */
function ask(
  base: string,
  path: string,
  headers: Record<string, string>,
  method: string,
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(base, { path, headers, method, agent: false }, (response) => {
      const chunks: Buffer[] = []
      const done = (): void =>
        resolve({
          status: response.statusCode as number,
          headers: response.headers,
          body: Buffer.concat(chunks),
          complete: response.complete,
        })
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => undefined)
      response.on('close', done)
    })
    sent.on('error', reject)
    sent.end()
  })
}

test('gateway: serves a file whole, in ranges, as HEAD, and by its ETag', async (t) => {
  const { pool, put, get, asked } = await gatewayFleet(t)
  const { id, content } = await addContent(pool, 3 * MIB + 17)
  put('tools/Packages/a.rpm', id, content.length)
  const path = '/repos/tools/latest/Packages/a.rpm'

  const head = await get(path, {}, 'HEAD')
  assert.deepEqual(
    [head.status, head.headers['content-length'], head.headers.etag, head.body.length],
    [200, `${content.length}`, `"${id}"`, 0],
  )
  const part = await get(path, { range: 'bytes=1048570-2097160' })
  assert.deepEqual(
    [part.status, part.headers['content-range']],
    [206, `bytes 1048570-2097160/${content.length}`],
  )
  assert.ok(part.body.equals(content.subarray(1048570, 2097161)))
  const last = await get(path, { range: 'bytes=-17' })
  assert.ok(last.body.equals(content.subarray(-17)))
  assert.equal((await get(path, { range: `bytes=${content.length}-` })).status, 416)
  const whole = await get(path)
  assert.deepEqual([whole.status, whole.headers['accept-ranges']], [200, 'bytes'])
  assert.ok(whole.body.equals(content))
  const again = await get(path, { 'if-none-match': `"${id}"` })
  assert.deepEqual([again.status, again.body.length], [304, 0])
  assert.equal((await get(path, {}, 'POST')).status, 405)
  assert.ok(asked() >= 1)
})

test('gateway: serves an empty file', async (t) => {
  const { pool, put, get } = await gatewayFleet(t)
  const { id } = await addContent(pool, 0)
  put('tools/empty', id, 0)
  const got = await get('/repos/tools/latest/empty')
  assert.deepEqual([got.status, got.headers['content-length'], got.complete], [200, '0', true])
})

test('gateway: lists folders and rejects paths that lead outside', async (t) => {
  const { folder, get, asked } = await gatewayFleet(t)
  folder('tools/', ['Packages/', 'repodata/'])
  folder('tools/first/', ['only-in-first'])
  for (const [path, link] of [
    ['/', 'repos/'],
    ['/repos/', 'tools/'],
    ['/repos/tools/', 'snapshots/'],
    ['/repos/tools/latest/', 'Packages/'],
    ['/repos/tools/snapshots/', 'first/'],
    ['/repos/tools/snapshots/first/', 'only-in-first'],
  ] as const)
    assert.match((await get(path)).body.toString(), new RegExp(`href="\\./${link}"`), path)
  const { status, headers } = await get('/repos/tools/latest')
  assert.deepEqual([status, headers.location], [301, '/repos/tools/latest/'])
  for (const path of [
    '/nothing',
    '/repos/tools/other/x',
    '/repos/tools/latest/nothing.rpm',
    '/repos/unknown/latest/x',
    '/repos/unknown/snapshots/',
  ])
    assert.equal((await get(path)).status, 404, path)
  // A repository or snapshot cannot have these names. The gateway doesn't send them to the
  // coordinator, and dnf doesn't retry.
  const before = asked()
  for (const path of [
    '/repos/has%20blank/latest/x',
    '/repos/-x/latest/',
    '/repos/tools/snapshots/%C3%A4/x',
    `/repos/tools/latest/${'x'.repeat(4097)}`,
  ])
    assert.equal((await get(path)).status, 404, path)
  assert.equal(asked(), before)
  for (const path of [
    '/repos/../keys/node',
    '/repos/tools/latest/..%2f..%2fkeys',
    '/repos/tools/latest/%2e%2e/x',
    '/repos/tools/latest/a%00b',
    '/%zz',
    '/repos/tools/latest/a%5cb',
  ])
    assert.equal((await get(path)).status, 400, path)
})

test('WA-01: rejects a web page that points its host name at the gateway', async (t) => {
  const { gateway, get, asked, folder } = await gatewayFleet(t)
  folder('tools/', ['secret'])
  const { port } = new URL(gateway.url)
  const refused = await get('/repos/tools/latest/', { host: `evil.example:${port}` })
  assert.equal(refused.status, 421)
  assert.doesNotMatch(refused.body.toString(), /secret/)
  assert.equal(asked(), 0)
  assert.equal((await get('/repos/tools/latest/', { host: `localhost:${port}` })).status, 200)
  assert.equal(
    (await get('/repos/tools/latest/')).headers['access-control-allow-origin'],
    undefined,
  )
})

test('gateway: replaces a provider that fails inside a file', async (t) => {
  const host = await gatewayFleet(t)
  const { id, content } = await addContent(host.pool, 12 * MIB)
  let sent = 0
  let left = 0
  const dying = await host.provider('dying', id, content.length, (honest) => ({
    fetch: async (request, context) => {
      const send = async (bytes: Uint8Array): Promise<void> => {
        if (sent > MIB) {
          left += 1
          void dying.node.close()
          throw wireError('protocol.closed', { what: 'a provider that died' })
        }
        sent += bytes.length
        await context.send(bytes)
      }
      return honest.fetch(request, { ...context, send })
    },
  }))
  const second = await host.provider('second', id, content.length)
  host.put('tools/big.rpm', id, content.length)
  const got = await host.get('/repos/tools/latest/big.rpm')
  assert.deepEqual([got.status, got.complete], [200, true])
  assert.ok(got.body.equals(content))
  assert.ok(left > 0 && second.node.peerId !== dying.node.peerId)
})

test('gateway: a file without a provider ends before its full length', async (t) => {
  const { fleet, put, get } = await gatewayFleet(t)
  const elsewhere = await holder(t, fleet, 'not-announced')
  const { id, content } = await addContent(elsewhere.pool, MIB)
  put('tools/lost.rpm', id, content.length)
  const got = await get('/repos/tools/latest/lost.rpm').catch(
    (error: NodeJS.ErrnoException) => error,
  )
  if (got instanceof Error) assert.equal(got.code, 'ECONNRESET')
  else assert.equal(got.complete, false)
})

test('gateway: ends a fetch when its last client disconnects', async (t) => {
  const host = await gatewayFleet(t)
  const { id, content } = await addContent(host.pool, 4 * MIB)
  const state = { begun: 0, ended: 0 }
  await host.provider('slow', id, content.length, (honest) => ({
    fetch: async (request, context) => {
      state.begun += 1
      try {
        await new Promise((_resolve, reject) => {
          context.signal.addEventListener('abort', () => reject(context.signal.reason as Error), {
            once: true,
          })
        })
      } finally {
        state.ended += 1
      }
      return honest.fetch(request, context)
    },
  }))
  // Only the slow provider has the blob now.
  await host.pool.remove(id)
  host.put('tools/slow.rpm', id, content.length)
  const client = httpRequest(host.gateway.url, {
    path: '/repos/tools/latest/slow.rpm',
    agent: false,
  })
  client.on('error', () => undefined)
  client.end()
  await until(() => state.begun > 0)
  assert.equal(state.ended, 0)
  client.destroy()
  await until(() => state.ended === state.begun)
})

test('gateway: serves paths of the last hour while no coordinator responds', async (t) => {
  const { coordinator, pool, put, get, pass } = await gatewayFleet(t)
  const { id, content } = await addContent(pool, MIB)
  put('tools/a.rpm', id, content.length)
  assert.equal((await get('/repos/tools/latest/a.rpm')).status, 200)
  await coordinator.close()
  pass(2_000)
  const got = await get('/repos/tools/latest/a.rpm')
  assert.equal(got.status, 200)
  assert.ok(got.body.equals(content))
  const other = await get('/repos/tools/latest/b.rpm')
  assert.deepEqual(
    [other.status, other.headers['retry-after'], other.body.toString()],
    [503, '5', 'no coordinator can be reached\n'],
  )
  pass(3_600_000)
  assert.equal((await get('/repos/tools/latest/a.rpm')).status, 503)
})

test('gateway: reports an error of the coordinator differently from no connection', async (t) => {
  const { failCatalog, get, log } = await gatewayFleet(t)
  failCatalog(new Error('the database is gone'))
  const got = await get('/repos/tools/latest/a.rpm')
  assert.deepEqual(
    [got.status, got.body.toString()],
    [503, 'the coordinator cannot look up this path\n'],
  )
  assert.ok(log.lines.some(({ message }) => message === 'gateway cannot look up a path'))
})
