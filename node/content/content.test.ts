import assert from 'node:assert/strict'
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { blobs } from '../../protocols/blobs/protocol.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { providers } from '../../protocols/providers/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import type { Disk } from '../../shared/blobs/disk.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import { systemClock } from '../../shared/clock.ts'
import { blobId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { errnoError, type Step, watchedDisk } from '../../shared/testing/faulty-disk.ts'
import { MIB } from '../../shared/units.ts'
import { type Content, createContent } from './content.ts'
import { createNodePolicy } from '../membership/policy.ts'
import { addressOf, createTestFleet, type TestFleet, type TestNode } from '../testing/fleet.ts'
import { addContent, contentOf, temporaryPool } from '../testing/holder.ts'
import type { FleetHost } from '../transfer/away.ts'
import { transferError } from '../transfer/errors.ts'
import { blobHandlers } from '../transfer/serve.ts'

const forever = new AbortController().signal

interface Site {
  readonly node: TestNode
  readonly pool: Pool
  readonly content: Content
}

/**
 * Creates a node with content that is connected to the coordinators. `distort` replaces parts of
 * how it serves blobs.
 */
async function site(
  t: TestContext,
  fleet: TestFleet,
  name: string,
  options: {
    coordinators?: TestNode[]
    /** The approved hosts of the fleet. Only for a coordinator. */
    hosts?: FleetHost[]
    disk?: Disk
    distort?: (honest: Handlers<typeof blobs>) => Partial<Handlers<typeof blobs>>
  } = {},
): Promise<Site> {
  const { coordinators, distort = () => ({}) } = options
  const node = await fleet.node(t, {
    role: coordinators === undefined ? 'coordinator' : 'agent',
    name,
  })
  const pool = await temporaryPool(t, options.disk)
  const policy = createNodePolicy()
  // createContent registers its own handlers. This node replaces some of them with the distorted
  // ones.
  const handle: TestNode['handle'] = (protocol, serve) => {
    const honest = blobHandlers(pool)
    const distorted = serveProtocol(
      blobs,
      { ...honest, ...distort(honest) },
      { clock: systemClock, log: node.log, policy },
    )
    return node.handle(protocol, protocol.id === blobs.id ? distorted : serve)
  }
  const content = await createContent(
    {
      node: { ...node, handle },
      pool,
      clock: systemClock,
      random: systemRandom,
      log: node.log,
      policy,
    },
    {
      tracker: coordinators === undefined,
      hosts: () => options.hosts ?? [],
      coordinators: () =>
        (coordinators ?? [])
          .map(({ peerId }) => peerId)
          .filter((peer) => node.peer(peer) !== undefined),
    },
  )
  t.after(() => content.close())
  for (const coordinator of coordinators ?? []) await node.dial(addressOf(coordinator))
  return { node, pool, content }
}

/** Resolves when `done` returns true. Checks it in each turn of the event loop. */
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await systemClock.sleep(5)
}

test('content: fetches many blobs at once over few streams', async (t) => {
  const fleet = await createTestFleet()
  const origin = await site(t, fleet, 'origin')
  const { content, pool } = await site(t, fleet, 'host', { coordinators: [origin.node] })
  const wanted = await Promise.all(
    Array.from({ length: 3 * providers.limits.maxOutboundStreams + 20 }, () =>
      addContent(origin.pool, 40_000),
    ),
  )
  await Promise.all(wanted.map(({ id }) => content.open(id, forever)))
  for (const { id, content: bytes } of wanted) assert.ok(bytes.equals(await contentOf(pool, id)))
})

test('content: finds blobs of connected hosts, not those of a host that left', async (t) => {
  const fleet = await createTestFleet()
  const tracker = await site(t, fleet, 'tracker')
  const [holder, reader] = [
    await site(t, fleet, 'holder', { coordinators: [tracker.node] }),
    await site(t, fleet, 'reader', { coordinators: [tracker.node] }),
  ]
  const { id, content } = await addContent(holder.pool, 300_000)
  await assert.rejects(reader.content.open(id, forever), { code: 'blob.unknown' })
  await holder.content.announce(forever)
  const opened = await reader.content.open(id, forever)
  assert.equal(opened.size, content.length)
  assert.ok(content.equals(Buffer.concat(await Array.fromAsync(opened.read(undefined, forever)))))
  // The reader announces the blob after its fetch.
  await until(async () => (await tracker.content.providers(id, forever)).length === 2)
  const later = await addContent(holder.pool, 10)
  holder.content.added(later.id, 10)
  await until(async () => (await tracker.content.providers(later.id, forever)).length === 1)
  await holder.node.close()
  await until(async () => (await tracker.content.providers(later.id, forever)).length === 0)
  assert.deepEqual(
    (await reader.content.providers(id, forever)).map(({ name, whole }) => [name, whole]),
    [['this node', true]],
  )
})

test('content: a node without a coordinator finds only local blobs', async (t) => {
  const fleet = await createTestFleet()
  const alone = await site(t, fleet, 'alone', { coordinators: [] })
  const id = blobId.parse('7'.repeat(64))
  await assert.rejects(alone.content.open(id, forever), {
    code: 'node.not-connected',
    exit: 'unreachable',
  })
  await assert.rejects(alone.content.providers(id, forever), { code: 'node.not-connected' })
  const own = await addContent(alone.pool, 100)
  assert.equal((await alone.content.open(own.id, forever)).size, 100)
  assert.deepEqual(
    (await alone.content.providers(own.id, forever)).map(({ name }) => name),
    ['this node'],
  )
})

test('content: a blob is absent only if all known hosts have announced their blobs', async (t) => {
  const fleet = await createTestFleet()
  const hosts: FleetHost[] = []
  const tracker = await site(t, fleet, 'tracker', { hosts })
  const reader = await site(t, fleet, 'reader', { coordinators: [tracker.node] })
  const holder = await site(t, fleet, 'holder', { coordinators: [tracker.node] })
  hosts.push(
    { peerId: reader.node.peerId, name: 'reader', wasConnected: false },
    { peerId: holder.node.peerId, name: 'holder', wasConnected: true },
    // A host that was never connected holds no blob of the fleet.
    { peerId: 'unborn', name: 'unborn', wasConnected: false },
  )
  const id = blobId.parse('7'.repeat(64))
  const away = (names: string[]) => ({
    code: 'transfer.holders-away',
    exit: 'unreachable',
    data: { id, count: names.length, names },
  })
  // There are connections but no announcements, as after a restart of the tracker.
  await assert.rejects(reader.content.open(id, forever), away(['holder']))
  await assert.rejects(reader.content.providers(id, forever), away(['holder']))
  await assert.rejects(tracker.content.fetch(id, forever), away(['reader', 'holder']))
  await holder.content.announce(forever)
  await reader.content.announce(forever)
  for (const { content } of [reader, tracker]) {
    await assert.rejects(content.open(id, forever), { code: 'blob.unknown', exit: 'notFound' })
    assert.deepEqual(await content.providers(id, forever), [])
  }
  // The reader announced all its blobs, without this one. The holder disconnected, so it may hold
  // the blob.
  await holder.node.close()
  await until(() => tracker.node.peer(holder.node.peerId) === undefined)
  await assert.rejects(reader.content.open(id, forever), away(['holder']))
  await assert.rejects(tracker.content.open(id, forever), away(['holder']))
})

test('content: a lookup waits for the announcement of a new host', async (t) => {
  const fleet = await createTestFleet()
  const hosts: FleetHost[] = []
  const tracker = await site(t, fleet, 'tracker', { hosts })
  const reader = await site(t, fleet, 'reader', { coordinators: [tracker.node] })
  const holder = await site(t, fleet, 'holder', { coordinators: [tracker.node] })
  hosts.push({ peerId: holder.node.peerId, name: 'holder', wasConnected: false })
  const { id } = await addContent(holder.pool, 1000)
  const opened = reader.content.open(id, forever)
  await holder.content.announce(forever)
  assert.equal((await opened).size, 1000)
})

test('content: an unreachable holder is not a host without the blob', async (t) => {
  const fleet = await createTestFleet()
  const tracker = await site(t, fleet, 'tracker')
  const unreachable = await fleet.node(t, { role: 'agent', name: 'gone' })
  const id = blobId.parse('7'.repeat(64))
  await unreachable.dial(addressOf(tracker.node))
  const client = openClient(
    providers,
    await unreachable.open(tracker.node.peerId, providers.id, forever),
    { clock: systemClock },
  )
  await client.call('announce', { addresses: [], holds: [{ id, size: 10 }], drops: [], all: true })
  const reader = await site(t, fleet, 'reader', { coordinators: [tracker.node] })
  await assert.rejects(reader.content.open(id, forever), { exit: 'unreachable' })
  await client.close()
})

test('content: uses the response of one coordinator if another one fails', async (t) => {
  const fleet = await createTestFleet()
  const refusing = await fleet.node(t, { role: 'coordinator', name: 'refusing' })
  const origin = await site(t, fleet, 'origin')
  const host = await site(t, fleet, 'host', { coordinators: [refusing, origin.node] })
  const { id } = await addContent(origin.pool, 1000)
  assert.equal((await host.content.open(id, forever)).size, 1000)
  // The refusing coordinator does not support the protocol. Without another coordinator, the caller
  // gets this error.
  const { content } = await site(t, fleet, 'other', { coordinators: [refusing] })
  await assert.rejects(content.open(id, forever), { code: 'protocol.unsupported' })
})

test('content: a coordinator that does not respond does not delay the fetch', async (t) => {
  const fleet = await createTestFleet()
  const silent = await fleet.node(t, { role: 'coordinator', name: 'silent' })
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => undefined)
  t.after(() => ended.reject(new Error('over')))
  const never = (): Promise<never> => ended.promise
  const serving = { clock: systemClock, log: silent.log, policy: createNodePolicy() }
  await silent.handle(
    providers,
    serveProtocol(providers, { find: never, announce: never }, serving),
  )
  const origin = await site(t, fleet, 'origin')
  const host = await site(t, fleet, 'host', { coordinators: [silent, origin.node] })
  const { id } = await addContent(origin.pool, 1000)
  assert.equal((await host.content.open(id, systemClock.timeout(15_000))).size, 1000)
})

/**
 * Starts a coordinator that sends `first` bytes in all. It sends the others when the gate opens.
 */
async function gated(t: TestContext, fleet: TestFleet, first: number) {
  const gate = Promise.withResolvers<void>()
  const seen = { calls: 0, aborted: 0 }
  let left = first
  const made = await site(t, fleet, 'gated', {
    distort: (honest) => ({
      fetch: async (request, context) => {
        seen.calls += 1
        context.signal.addEventListener('abort', () => (seen.aborted += 1))
        const send = async (bytes: Uint8Array): Promise<void> => {
          if (left > 0) await context.send(bytes.subarray(0, left))
          const rest = bytes.subarray(left)
          left = Math.max(0, left - bytes.length)
          if (rest.length === 0) return
          const gone = Promise.withResolvers<void>()
          context.signal.addEventListener('abort', () => gone.resolve())
          await Promise.race([gate.promise, gone.promise])
          context.signal.throwIfAborted()
          await context.send(rest)
        }
        return honest.fetch(request, { ...context, send })
      },
    }),
  })
  t.after(() => gate.resolve())
  return { ...made, gate, seen }
}

test('content: if the size is known, reads any range during the fetch', async (t) => {
  const fleet = await createTestFleet()
  const { node, pool, gate } = await gated(t, fleet, 600_000)
  const host = await site(t, fleet, 'host', { coordinators: [node] })
  const { id, content } = await addContent(pool, 900_000)
  const opened = await host.content.open(id, forever, { size: content.length })
  const reader = opened.read({ start: 1000, end: 800_000 }, forever)[Symbol.asyncIterator]()
  const first = await reader.next()
  assert.ok(
    first.done !== true && content.subarray(1000, 1000 + first.value.length).equals(first.value),
  )
  assert.equal(await host.pool.stat(id), undefined, 'the blob is not whole yet')
  gate.resolve()
  const rest = [first.value]
  for (let next = await reader.next(); next.done !== true; next = await reader.next())
    rest.push(next.value)
  assert.ok(content.subarray(1000, 800_000).equals(Buffer.concat(rest)))
  assert.deepEqual(await host.pool.stat(id), { size: content.length })
  await assert.rejects(
    Array.fromAsync(opened.read({ start: 0, end: content.length + 1 }, forever)),
    { code: 'blob.range' },
  )
})

/** Returns the files of the pool's transfers that this process has open. */
async function openTransfers(pool: Pool): Promise<number> {
  const names = await readdir('/proc/self/fd')
  const paths = names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => ''))
  const folder = join(pool.folder, 'partial')
  return (await Promise.all(paths)).filter((path) => path.startsWith(folder)).length
}

test('content: a reader of a queued fetch has no file open', async (t) => {
  const fleet = await createTestFleet()
  const { node, pool, gate, seen } = await gated(t, fleet, 0)
  const host = await site(t, fleet, 'host', { coordinators: [node] })
  const wanted = await Promise.all(Array.from({ length: 40 }, () => addContent(pool, 100_000)))
  const reading = wanted.map(async ({ id, content }) => {
    const opened = await host.content.open(id, forever, { size: content.length })
    const got = Buffer.concat(await Array.fromAsync(opened.read(undefined, forever)))
    assert.ok(content.equals(got))
  })
  // Eight fetches run at the same time. Each has the two files of a small blob open.
  await until(() => seen.calls >= 8)
  assert.equal(await openTransfers(host.pool), 8 * 2)
  gate.resolve()
  await Promise.all(reading)
  assert.equal(await openTransfers(host.pool), 0)
})

test('content: a failed fetch ends all its readers', async (t) => {
  const fleet = await createTestFleet()
  const { node, pool, gate, seen } = await gated(t, fleet, 0)
  const host = await site(t, fleet, 'host', { coordinators: [node] })
  const { id, content } = await addContent(pool, 100_000)
  const opened = await host.content.open(id, forever, { size: content.length })
  const readers = [0, 50_000].map((start) =>
    Array.fromAsync(opened.read({ start, end: content.length }, forever)),
  )
  const ended = Promise.allSettled(readers)
  await until(() => seen.calls >= 1)
  await node.close()
  for (const end of await ended)
    assert.ok(end.status === 'rejected' && transferError.is(end.reason), JSON.stringify(end))
  gate.resolve()
  assert.equal(await openTransfers(host.pool), 0)
})

test('BT-10: readers of one blob share a fetch, which ends with the last reader', async (t) => {
  const fleet = await createTestFleet()
  const { node, pool, gate, seen } = await gated(t, fleet, 100_000)
  const host = await site(t, fleet, 'host', { coordinators: [node] })
  const { id, content } = await addContent(pool, 700_000)
  const leavers = [new AbortController(), new AbortController(), new AbortController()]
  const opening = leavers.map(({ signal }) =>
    host.content.open(id, signal).catch((error: Error) => error.message),
  )
  await until(() => seen.calls === 1)
  for (const [i, leaver] of leavers.entries()) {
    assert.equal(seen.aborted, 0)
    leaver.abort(new Error(`left ${i}`))
    assert.equal(await opening[i], `left ${i}`)
  }
  await until(() => seen.aborted === 1)
  assert.equal(seen.calls, 1)
  // A later reader starts a new fetch.
  const again = host.content.open(id, forever)
  await until(() => seen.calls === 2)
  gate.resolve()
  assert.equal((await again).size, content.length)
  assert.ok(content.equals(await contentOf(host.pool, id)))
})

test('content: the fetch ends when its reader leaves or the node closes', async (t) => {
  const fleet = await createTestFleet()
  const { node, pool, seen } = await gated(t, fleet, 600_000)
  const host = await site(t, fleet, 'host', { coordinators: [node] })
  const { id, content } = await addContent(pool, 900_000)
  const leaver = new AbortController()
  const opened = await host.content.open(id, leaver.signal, { size: content.length })
  const reader = opened.read(undefined, leaver.signal)[Symbol.asyncIterator]()
  await reader.next()
  leaver.abort(new Error('gone'))
  await reader.return?.()
  await until(() => seen.aborted === 1)
  const other = host.content.open(id, forever)
  other.catch(() => undefined)
  await until(() => seen.calls === 2)
  await host.content.close()
  await assert.rejects(other, { code: 'queue.closed' })
  await until(() => seen.aborted === 2)
  await assert.rejects(host.content.open(id, forever), { code: 'queue.closed' })
})

test('CA-10: reports a full disk, and fetches again when there is space', async (t) => {
  const fleet = await createTestFleet()
  const origin = await site(t, fleet, 'origin')
  let full = false
  let written = 0
  const before = ({ name, args }: Step): void => {
    if (name === 'write')
      written += (args[1] as Uint8Array[]).reduce((sum, part) => sum + part.length, 0)
    if (full && written > 3 * MIB) throw errnoError('ENOSPC')
  }
  const host = await site(t, fleet, 'host', {
    coordinators: [origin.node],
    disk: watchedDisk({ before }),
  })
  const { id, content } = await addContent(origin.pool, 8 * MIB)
  full = true
  await assert.rejects(host.content.open(id, forever), { code: 'blob.no-space' })
  const opened = await host.content.open(id, forever, { size: content.length })
  await assert.rejects(Array.fromAsync(opened.read(undefined, forever)), { code: 'blob.no-space' })
  assert.equal(await host.pool.stat(id), undefined)
  full = false
  await host.content.open(id, forever)
  assert.ok(content.equals(await contentOf(host.pool, id)))
})
