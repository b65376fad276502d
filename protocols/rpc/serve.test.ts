import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { z } from 'zod'
import { systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { MIB } from '../../shared/units.ts'
import { type Client, openClient } from './call.ts'
import { type Capability, describeCapability } from '../capability.ts'
import { type Handlers, type Limits, defineProtocol, method } from './define-protocol.ts'
import type { Ask, Policy } from './peer.ts'
import { serveProtocol } from './serve.ts'
import { dialSocket, serveSocket } from './socket.ts'
import { wireError } from '../wire/errors.ts'
import { FrameReader, encodeFrame } from '../wire/frame.ts'
import { encodeRequest } from '../wire/request.ts'
import { decodeError } from '../wire/status.ts'

const local: Capability = { kind: 'local' }
const limits: Limits = {
  maxRequestBytes: 1024,
  maxResponseBytes: 1024,
  maxProgressBytes: 256,
  callMs: 5_000,
  idleMs: 2_000,
  stallMs: 300,
  maxInboundStreams: 4,
  maxOutboundStreams: 4,
  quota: { burst: 1000, perSecond: 1000 },
}
const Text = z.object({ text: z.string() })
const Count = z.object({ bytes: z.number().int() })
const tea = defineProtocol({
  name: 'tea',
  version: 1,
  limits,
  methods: {
    echo: method({ capability: local, request: Text, response: Text }),
    count: method({
      capability: local,
      request: z.object({}),
      response: Text,
      progress: z.object({ n: z.number(), note: z.string().optional() }),
      limits: { callMs: Number.POSITIVE_INFINITY },
    }),
    pour: method({
      capability: local,
      request: z.object({ max: z.number() }),
      response: Count,
      upload: true,
    }),
    drink: method({ capability: local, request: Count, response: Count, download: true }),
    slow: method({
      capability: local,
      request: z.object({}),
      response: Text,
      limits: { callMs: 50 },
    }),
    big: method({ capability: local, request: z.object({}), response: Text }),
    touch: method({
      capability: { kind: 'operator', namespace: 'run', level: 'control', scope: 'targets' },
      request: Text,
      response: Text,
    }),
  },
})

interface Seen {
  asks: (Ask & { capability: string })[]
  aborted: unknown[]
  sent: number
  poured: number
}

interface Served {
  readonly path: string
  readonly seen: Seen
  readonly log: ReturnType<typeof recordedLog>
  client(): Promise<Client<typeof tea>>
}

/**
 * Serves `tea` on a real unix socket. Its policy allows all calls except those that `refuse` names.
 */
async function serveTea(
  t: TestContext,
  options: {
    refuse?: (ask: Ask) => Error | undefined
    handlers?: Partial<Handlers<typeof tea>>
    quota?: Limits['quota']
  } = {},
): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-tea-'))
  const seen: Seen = { asks: [], aborted: [], sent: 0, poured: 0 }
  const log = recordedLog()
  const policy: Policy = {
    allow: async (capability, _peer, ask) => {
      seen.asks.push({ ...ask, capability: describeCapability(capability) })
      const error = options.refuse?.(ask)
      if (error !== undefined) throw error
      return { kind: 'local', name: 'tester' }
    },
  }
  const handlers: Handlers<typeof tea> = {
    echo: async ({ text }) => {
      if (text === 'bug') throw new TypeError('secret detail')
      return { text, leaked: 'not in the schema' } as { text: string }
    },
    count: async (_request, { progress, signal }) => {
      try {
        for (let n = 0; ; n += 1) {
          await progress({ n })
          await systemClock.sleep(5, signal)
        }
      } catch (error) {
        seen.aborted.push(error)
        throw error
      }
    },
    pour: async ({ max }, { upload }) => {
      for await (const bytes of upload) {
        seen.poured += bytes.length
        if (seen.poured > max) return { bytes: -1 }
      }
      return { bytes: seen.poured }
    },
    drink: async ({ bytes }, { send }) => {
      const chunk = Buffer.alloc(64 * 1024, 7)
      for (; seen.sent < bytes; seen.sent += chunk.length) await send(chunk)
      return { bytes: seen.sent }
    },
    slow: async (_request, { signal }) => {
      await systemClock.sleep(60_000, signal)
      return { text: 'late' }
    },
    big: async () => ({ text: 'x'.repeat(2000) }),
    touch: {
      targets: async ({ text }) => [{ namespace: `run/${text}` }],
      run: async ({ text }) => ({ text }),
    },
    ...options.handlers,
  }
  const protocol = { ...tea, limits: { ...limits, quota: options.quota ?? limits.quota } }
  const serve = serveProtocol(protocol, handlers, { policy, clock: systemClock, log })
  const server = await serveSocket(
    { clock: systemClock, log },
    { path: join(folder, 'run', 'tea.sock'), protocols: new Map([[tea.id, serve]]) },
  )
  const clients: Client<typeof tea>[] = []
  t.after(async () => {
    for (const client of clients) client.abort(new Error('the test is over'))
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })
  const client = async (): Promise<Client<typeof tea>> => {
    const opened = openClient(tea, await dialSocket(server.path, tea.id), { clock: systemClock })
    clients.push(opened)
    return opened
  }
  return { path: server.path, seen, log, client }
}

test('serve: authorises each request of a stream again', async (t) => {
  const { seen, client } = await serveTea(t)
  const caller = await client()
  const answers = await Promise.all(['a', 'b', 'c'].map((text) => caller.call('echo', { text })))
  assert.deepEqual(answers, [{ text: 'a' }, { text: 'b' }, { text: 'c' }])
  assert.equal(seen.asks.length, 3)
  await caller.close()
})

test('TR-16: a right that was revoked before the second request is denied', async (t) => {
  let revoked = false
  const { client } = await serveTea(t, {
    refuse: () =>
      revoked ? wireError('protocol.denied', { method: 'echo', needs: 'what you had' }) : undefined,
  })
  const caller = await client()
  await caller.call('echo', { text: 'before' })
  revoked = true
  await assert.rejects(caller.call('echo', { text: 'after' }), { code: 'protocol.denied' })
  revoked = false
  assert.deepEqual(await caller.call('echo', { text: 'again' }), { text: 'again' })
})

test('serve: asks the policy before it parses the body, and again with targets', async (t) => {
  const { seen, client, path } = await serveTea(t, {
    refuse: (ask) =>
      ask.method === 'echo'
        ? wireError('protocol.denied', { method: 'echo', needs: 'luck' })
        : undefined,
  })
  const duplex = await dialSocket(path, tea.id)
  const reply = duplex.source[Symbol.asyncIterator]()
  // The body isn't CBOR. The error must come from the policy, not from the parser.
  const request = encodeRequest('echo', {}).slice(0, -1)
  await duplex.write(encodeFrame('request', Buffer.concat([request, Buffer.from('ff', 'hex')])))
  const answer = Buffer.from((await reply.next()).value as Uint8Array).toString('latin1')
  assert.match(answer, /denied/)
  duplex.abort(new Error('done'))
  const caller = await client()
  await caller.call('touch', { text: 'host-1' })
  assert.deepEqual(
    seen.asks.slice(-2).map(({ method: name, targets }) => [name, targets]),
    [
      ['touch', undefined],
      ['touch', [{ namespace: 'run/host-1' }]],
    ],
  )
})

test('call: never sends a request that its schema rejects', async (t) => {
  const { client, seen } = await serveTea(t)
  const tried = await client()
  await assert.rejects(tried.call('pour', { max: Number.NaN }, { upload: none() }), {
    code: 'protocol.request',
    exit: 'usage',
    message: /^max: .*; nothing was sent$/,
  })
  assert.deepEqual(seen.asks, [])
  assert.deepEqual(await tried.call('echo', { text: 'still open' }), { text: 'still open' })
})

async function* none(): AsyncGenerator<Uint8Array> {}

test('serve: a refusal has its code; a bug is reported without details', async (t) => {
  const { client, log } = await serveTea(t)
  const caller = await client()
  const bug = await caller.call('echo', { text: 'bug' }).catch((error: unknown) => error as Error)
  assert.equal((bug as Error & { code: string }).code, 'protocol.internal')
  assert.doesNotMatch(JSON.stringify(bug), /secret/)
  assert.ok(
    log.lines.some(
      (line) => line.level === 'error' && (line.data['error'] as Error).message === 'secret detail',
    ),
  )
  await assert.rejects(caller.call('big', {}), { code: 'protocol.internal' })
  await assert.rejects(caller.call('slow', {}), { code: 'protocol.timeout' })
})

test('serve: rejects unknown methods and invalid requests, and keeps the stream', async (t) => {
  const { path } = await serveTea(t)
  const loose = defineProtocol({
    ...tea,
    limits: { ...limits, maxRequestBytes: 1 << 20 },
    methods: {
      echo: method({ capability: local, request: z.unknown(), response: Text }),
      spill: method({ capability: local, request: z.unknown(), response: Text }),
    },
  })
  const caller = openClient(loose, await dialSocket(path, tea.id), { clock: systemClock })
  await assert.rejects(caller.call('spill', {}), { code: 'protocol.unsupported' })
  await assert.rejects(caller.call('echo', { text: 5 }), {
    code: 'protocol.malformed',
    message: /text \(invalid_type\)/,
  })
  await assert.rejects(caller.call('echo', 'text'), { code: 'protocol.malformed' })
  assert.deepEqual(await caller.call('echo', { text: 'fine', newer: true }), { text: 'fine' })
  await assert.rejects(caller.call('echo', { text: 'x'.repeat(4096) }), {
    code: 'protocol.too-large',
  })
  await assert.rejects(caller.call('echo', { text: 'x' }), { code: 'protocol.closed' })
})

test('serve: refuses requests above the quota as busy', async (t) => {
  const { client } = await serveTea(t, { quota: { burst: 3, perSecond: 0.001 } })
  const caller = await client()
  for (let n = 0; n < 3; n += 1) await caller.call('echo', { text: 'a' })
  await assert.rejects(caller.call('echo', { text: 'b' }), {
    code: 'protocol.busy',
    retryable: true,
  })
})

test('serve: aborts the handler if the call is aborted or the caller disconnects', async (t) => {
  const { seen, client } = await serveTea(t)
  const caller = await client()
  const stop = new AbortController()
  const reports: number[] = []
  const reason = new Error('enough')
  const call = caller.call(
    'count',
    {},
    {
      signal: stop.signal,
      onProgress: ({ n }) => void (n === 3 ? stop.abort(reason) : reports.push(n)),
    },
  )
  await assert.rejects(call, reason)
  assert.deepEqual(reports.slice(0, 3), [0, 1, 2])
  const other = await client()
  const gone = other.call('count', {}, { onProgress: () => other.abort(new Error('gone')) })
  await assert.rejects(gone)
  while (seen.aborted.length < 2) await systemClock.sleep(5)
})

test('serve: a progress report above its limit is an internal error', async (t) => {
  const { client, log } = await serveTea(t, {
    handlers: {
      count: async (_request, { progress }) => {
        await progress({ n: 1, note: 'x'.repeat(300) })
        return { text: 'done' }
      },
    },
  })
  const caller = await client()
  await assert.rejects(caller.call('count', {}), { code: 'protocol.internal' })
  assert.match(JSON.stringify(log.lines), /handler failed/)
  assert.deepEqual(await caller.call('echo', { text: 'still here' }), { text: 'still here' })
})

test('serve: ends the stream of a caller that sends more before its response', async (t) => {
  const { path, seen } = await serveTea(t)
  const duplex = await dialSocket(path, tea.id)
  t.after(() => duplex.abort(new Error('the test is over')))
  const reader = new FrameReader(duplex.source, { maxBytes: 4096 })
  const request = encodeFrame('request', encodeRequest('count', {}))
  await duplex.write(request)
  assert.equal((await reader.next())?.kind, 'progress')
  await duplex.write(request)
  let frame = await reader.next()
  while (frame?.kind === 'progress') frame = await reader.next()
  assert.equal(frame?.kind, 'error')
  assert.equal(decodeError(frame.payload, 'count').code, 'protocol.malformed')
  while (seen.aborted.length < 1) await systemClock.sleep(5)
  await assert.rejects(async () => {
    for (let next = await reader.next(); next !== undefined; next = await reader.next())
      assert.equal(next.kind, 'error')
    throw new Error('ended')
  })
})

test('serve: uploads arrive whole; a rejected one leaves the stream usable', async (t) => {
  const { seen, client } = await serveTea(t)
  const caller = await client()
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 100; n += 1) yield Buffer.alloc(50_000)
  }
  assert.deepEqual(await caller.call('pour', { max: 10 * MIB }, { upload: source() }), {
    bytes: 5_000_000,
  })
  seen.poured = 0
  assert.deepEqual(await caller.call('pour', { max: 10 }, { upload: source() }), { bytes: -1 })
  assert.deepEqual(await caller.call('echo', { text: 'still here' }), { text: 'still here' })
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(10)
    throw new Error('disk on fire')
  }
  seen.poured = 0
  await assert.rejects(caller.call('pour', { max: 10 * MIB }, { upload: failing() }), {
    message: 'disk on fire',
  })
})

test('TR-05: a download waits for its reader; one that never reads is disconnected', async (t) => {
  const { seen, client } = await serveTea(t)
  const caller = await client()
  let got = 0
  const slowly = await caller.call(
    'drink',
    { bytes: 2 * MIB },
    { onData: (bytes) => void (got += bytes.length) },
  )
  assert.deepEqual([slowly.bytes, got], [2 * MIB, 2 * MIB])
  seen.sent = 0
  const stuck = Promise.withResolvers<void>()
  const call = caller.call('drink', { bytes: 1024 * MIB }, { onData: () => stuck.promise })
  call.catch(() => undefined)
  await systemClock.sleep(150)
  assert.ok(seen.sent < 2 * MIB, `${seen.sent} bytes were taken for a reader that reads nothing`)
  await systemClock.sleep(400)
  stuck.resolve()
  await assert.rejects(call, { code: 'protocol.closed' })
})
