import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import test from 'node:test'
import { systemClock } from '../shared/clock.ts'
import { generateKey } from '../shared/identity/signer.ts'
import { systemRandom } from '../shared/random.ts'
import { recordedLog } from '../shared/testing/recorded-log.ts'
import type { Protocol } from '../protocols/rpc/define-protocol.ts'
import { blobs } from '../protocols/blobs/protocol.ts'
import { hello } from '../protocols/hello/protocol.ts'
import { openClient } from '../protocols/rpc/call.ts'
import { serveProtocol } from '../protocols/rpc/serve.ts'
import { FrameReader, encodeFrame } from '../protocols/wire/frame.ts'
import { encodeRequest } from '../protocols/wire/request.ts'
import { decodeError } from '../protocols/wire/status.ts'
import { MAX_PEER_CONNECTIONS } from './libp2p/limits.ts'
import { createNodePolicy } from './membership/policy.ts'
import { addressOf, createTestFleet } from './testing/fleet.ts'

/** Waits until the condition holds. The timeout of the test ends a wait without success. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(10)
}

test('node: two members greet and know each other', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  const met: string[] = []
  coordinator.on('connect', (peer) => met.push(peer))
  const peer = await agent.dial(addressOf(coordinator))
  assert.equal(peer.member?.role, 'coordinator')
  assert.equal(peer.capability, 1)
  assert.equal(coordinator.peer(agent.peerId)?.member?.name, 'web-1')
  assert.deepEqual(met, [agent.peerId])
  assert.equal(coordinator.peers().length, 1)
  assert.equal((await agent.dial(addressOf(coordinator))).id, coordinator.peerId)
  assert.deepEqual(met, [agent.peerId])
})

test('node: a stream that arrives during a greeting is served as from a member', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  const served = Promise.withResolvers<string | undefined>()
  await agent.handle(blobs, async (_, peer) => served.resolve(peer.member?.role))
  const { handlers } = coordinator.membership
  const { greet } = handlers
  // The coordinator opens a stream before it sends its response to the greeting.
  Object.assign(handlers, {
    greet: async (...call: Parameters<typeof greet>) => {
      const response = await greet(...call)
      await coordinator.open(agent.peerId, blobs.id)
      return response
    },
  })
  await agent.dial(addressOf(coordinator))
  assert.equal(await served.promise, 'coordinator')
})

test('ID-01: strangers reach only open methods, others are denied before parsing', async (t) => {
  const fleet = await createTestFleet()
  const folders = readdirSync(new URL('../protocols/', import.meta.url), {
    withFileTypes: true,
  }).filter((entry) => entry.isDirectory() && !['wire', 'rpc'].includes(entry.name))
  const protocols: Protocol[] = []
  for (const { name } of folders) {
    const exported = (await import(`../protocols/${name}/protocol.ts`)) as Record<string, unknown>
    protocols.push(
      ...Object.values(exported).filter(
        (value): value is Protocol =>
          typeof value === 'object' && value !== null && 'methods' in value,
      ),
    )
  }
  assert.ok(protocols.length >= 9, `${protocols.length} protocols were found`)
  let reached: string[] = []
  const log = recordedLog()
  const coordinator = await fleet.node(
    t,
    { role: 'coordinator', name: 'coord' },
    {
      setup: async (node) => {
        for (const protocol of protocols.filter(({ id }) => id !== hello.id)) {
          const reach = async (): Promise<never> => {
            reached.push(protocol.id)
            throw new Error('reached')
          }
          const handlers = Object.fromEntries(
            Object.entries(protocol.methods).map(([name, { capability }]) => [
              name,
              capability.kind === 'operator' && capability.scope === 'targets'
                ? { targets: reach, run: reach }
                : reach,
            ]),
          )
          await node.handle(
            protocol,
            serveProtocol(protocol, handlers as never, {
              clock: systemClock,
              log,
              policy: createNodePolicy(),
            }),
          )
        }
      },
    },
  )
  const stranger = await fleet.node(t, { role: undefined, name: 'stranger' }, { listen: [] })
  await stranger.dial(addressOf(coordinator))
  assert.equal(coordinator.served().length, protocols.length)
  let open = 0
  let refused = 0
  for (const protocol of coordinator.served()) {
    for (const [name, { capability }] of Object.entries(protocol.methods)) {
      assert.ok(capability.kind.length > 0, `${protocol.id} ${name} has no capability`)
      const duplex = await stranger.open(coordinator.peerId, protocol.id)
      // These bytes are not CBOR. If the node parsed them before the policy's check, it would
      // return `malformed`.
      const request = Buffer.concat([
        encodeRequest(name, 0).subarray(0, -1),
        Buffer.from('ffff', 'hex'),
      ])
      await duplex.write(encodeFrame('request', request))
      const frame = await new FrameReader(duplex.source, { maxBytes: 65_536 }).next()
      assert.equal(frame?.kind, 'error')
      const { code } = decodeError(frame?.payload, name)
      assert.equal(
        code,
        capability.kind === 'stranger' ? 'protocol.malformed' : 'protocol.denied',
        `${protocol.id} ${name}`,
      )
      if (capability.kind === 'stranger') open += 1
      else refused += 1
      duplex.abort(new Error('done'))
    }
  }
  assert.deepEqual(reached, [])
  assert.ok(open >= 1 && refused > open)
  reached = []
})

test('node: rejects certificates of another key, fleet, time or a lower epoch', async (t) => {
  const fleet = await createTestFleet()
  const other = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  const thief = await fleet.node(t, { role: undefined, name: 'thief' })
  const standing = (): string | undefined => coordinator.peer(thief.peerId)?.member?.name
  const refusals = (): unknown[] =>
    coordinator.log.lines.flatMap(({ message, data }) =>
      message === 'certificate not accepted' ? [(data['error'] as { code: string }).code] : [],
    )
  await thief.dial(addressOf(coordinator))
  assert.equal(standing(), undefined)
  thief.certificate = agent.certificate
  await thief.reintroduce()
  thief.certificate = await other.certify(thief.key, { role: 'agent', name: 'thief' })
  await thief.reintroduce()
  thief.certificate = await fleet.certify(thief.key, {
    role: 'agent',
    name: 'thief',
    issuer: thief.key,
  })
  await thief.reintroduce()
  thief.certificate = await fleet.certify(thief.key, { role: 'agent', name: 'thief', ttlMs: -500 })
  await thief.reintroduce()
  assert.equal(standing(), undefined)
  assert.deepEqual(refusals(), [
    'node.borrowed-certificate',
    'trust.fleet',
    'trust.issuer',
    'trust.expired',
  ])
  thief.certificate = await fleet.certify(thief.key, { role: 'agent', name: 'epoch 5', epoch: 5 })
  await thief.reintroduce()
  assert.equal(standing(), 'epoch 5')
  thief.certificate = await fleet.certify(thief.key, { role: 'agent', name: 'epoch 4', epoch: 4 })
  await thief.reintroduce()
  assert.equal(standing(), 'epoch 5')
  assert.equal(refusals().at(-1), 'node.stale-certificate')
})

test('node: a membership ends with its certificate and returns with a new one', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  await agent.dial(addressOf(coordinator))
  const peer = coordinator.peer(agent.peerId)
  const changes: string[] = []
  coordinator.on('member', () =>
    changes.push(`member ${peer?.member?.name} ${peer?.member?.epoch}`),
  )
  coordinator.on('stranger', () => changes.push('stranger'))
  // The certificate is short, because only a greeting of connected nodes must end before it
  // expires.
  agent.certificate = await fleet.certify(agent.key, {
    role: 'agent',
    name: 'web-1',
    epoch: 2,
    ttlMs: 1_500,
  })
  await agent.reintroduce()
  await until(() => peer?.member === undefined)
  agent.certificate = await fleet.certify(agent.key, { role: 'agent', name: 'web-1', epoch: 3 })
  await agent.reintroduce()
  assert.equal(peer?.member?.epoch, 3)
  assert.deepEqual(changes, ['member web-1 2', 'stranger', 'member web-1 3'])
})

test('node: a revocation closes the connection and ends the membership', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  await agent.dial(addressOf(coordinator))
  const left = new Promise<string>((resolve) => {
    coordinator.on('disconnect', resolve)
  })
  fleet.revoked.add('web-1')
  coordinator.recheck()
  assert.equal(await left, agent.peerId)
  await until(() => agent.peer(coordinator.peerId) === undefined)
  await agent.dial(addressOf(coordinator))
  assert.equal(coordinator.peer(agent.peerId)?.member, undefined)
})

test('node: disconnects an idle stranger, not an idle member', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(
    t,
    { role: 'coordinator', name: 'coord' },
    { strangerIdleMs: 100 },
  )
  const stranger = await fleet.node(t, { role: undefined, name: 'stranger' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  await Promise.all([stranger.dial(addressOf(coordinator)), agent.dial(addressOf(coordinator))])
  await until(() => coordinator.peer(stranger.peerId) === undefined)
  assert.equal(coordinator.peer(agent.peerId)?.member?.name, 'web-1')
})

test('FG-06: rejects strangers above their limit and still admits members', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(
    t,
    { role: 'coordinator', name: 'coord' },
    { maxStrangers: 3 },
  )
  const crowd = await Promise.all(
    Array.from({ length: 6 }, (_, i) =>
      fleet.node(t, { role: undefined, name: `s${i}` }, { listen: [] }),
    ),
  )
  const results = []
  for (const stranger of crowd)
    results.push(
      await stranger.dial(addressOf(coordinator)).then(
        () => 'in',
        () => 'out',
      ),
    )
  assert.deepEqual(results, ['in', 'in', 'in', 'out', 'out', 'out'])
  // A member that the coordinator expects needs no free place. It expects all hosts of its
  // registry.
  const key = generateKey({ random: systemRandom })
  const second = await fleet.node(
    t,
    { role: 'coordinator', name: 'coord2' },
    { maxStrangers: 0, expected: (peer) => peer === expected.peerId },
  )
  const expected = await fleet.node(t, { role: 'agent', name: 'web-1' }, { key })
  assert.equal((await expected.dial(addressOf(second))).member?.role, 'coordinator')
  await assert.rejects((crowd[0] as (typeof crowd)[0]).dial(addressOf(second)))
})

test('FG-06: strangers of one address get at most half of a large limit', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(
    t,
    { role: 'coordinator', name: 'coord' },
    { maxStrangers: 18, inboundPerSecond: 40 },
  )
  const crowd = await Promise.all(
    Array.from({ length: 11 }, (_, i) =>
      fleet.node(t, { role: undefined, name: `n${i}` }, { listen: [] }),
    ),
  )
  const dials = await Promise.allSettled(
    crowd.map((stranger) => stranger.dial(addressOf(coordinator))),
  )
  assert.equal(dials.filter(({ status }) => status === 'fulfilled').length, 9)
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  const [first] = coordinator.peers()
  await first?.close()
  await until(() => coordinator.peers().length === 8)
  assert.equal((await agent.dial(addressOf(coordinator))).member?.role, 'coordinator')
})

test('TR-01: silent or slow connections are closed, and a member can connect', async (t) => {
  const fleet = await createTestFleet()
  const node = await fleet.node(
    t,
    { role: 'coordinator', name: 'origin' },
    { inboundPerSecond: 40 },
  )
  const port = Number(/tcp\/(\d+)/.exec(addressOf(node))?.[1])
  const sockets = Array.from({ length: 60 }, () =>
    connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }),
  )
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  let closed = 0
  for (const [i, socket] of sockets.entries()) {
    socket.on('error', () => undefined).on('close', () => (closed += 1))
    socket.resume()
    // TR-02: every second connection sends a byte a second (slow loris).
    if (i % 2 === 0) t.after(systemClock.every(1_000, () => socket.write('\x13')))
  }
  await Promise.all(
    sockets
      .filter((socket) => socket.connecting)
      .map((socket) => once(socket, 'connect').catch(() => undefined)),
  )
  // Connections above the rate of one address are closed at once.
  await until(() => closed >= 10)
  const member = await fleet.node(t, { role: 'agent', name: 'member' }, { listen: [] })
  assert.equal((await member.dial(addressOf(node))).member?.name, 'origin')
  // The others are closed at the end of the handshake time. The timeout of the test limits the
  // wait.
  await until(() => closed === sockets.length)
  assert.equal(node.peers().length, 1)
})

test('TR-03: limits the connections of one key, while other keys can connect', async (t) => {
  const fleet = await createTestFleet()
  const node = await fleet.node(t, { role: 'coordinator', name: 'origin' })
  const key = generateKey({ random: systemRandom })
  const dials: Promise<unknown>[] = []
  for (let i = 0; i < MAX_PEER_CONNECTIONS + 4; i += 1) {
    const twin = await fleet.node(t, { role: 'agent', name: 'twin' }, { key, listen: [] })
    dials.push(
      twin.dial(addressOf(node)).then(
        () => 'in',
        (error: { code: string }) => error.code,
      ),
    )
  }
  const outcomes = await Promise.all(dials)
  assert.equal(outcomes.filter((outcome) => outcome === 'in').length, MAX_PEER_CONNECTIONS)
  assert.ok(
    outcomes.every((outcome) => outcome === 'in' || /^(node|protocol)\./.test(String(outcome))),
    String(outcomes),
  )
  const other = await fleet.node(t, { role: 'agent', name: 'other' }, { listen: [] })
  assert.equal((await other.dial(addressOf(node))).member?.name, 'origin')
})

test('node: a failed dial reports the reason', async (t) => {
  const fleet = await createTestFleet()
  const node = await fleet.node(t, { role: 'agent', name: 'web-1' })
  const other = await fleet.node(t, { role: 'agent', name: 'web-2' })
  const port = addressOf(other).split('/')[4]
  const stranger = 'p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
  await assert.rejects(node.dial(`/ip4/127.0.0.1/tcp/1/${stranger}`), {
    code: 'node.unreachable',
    message: /ECONNREFUSED/,
  })
  await assert.rejects(node.dial(`/ip4/127.0.0.1/tcp/${port}/${stranger}`), {
    code: 'node.wrong-peer',
    exit: 'denied',
  })
  await assert.rejects(node.dial(`/ip4/127.0.0.1/tcp/${port}`), { code: 'node.address' })
  for (const bad of [
    '',
    'localhost:7400',
    '/unix/tmp',
    '/ip4/127.0.0.1/udp/1',
    `/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N`,
    `/dnsaddr/example.org/${stranger}`,
  ]) {
    await assert.rejects(node.dial(bad), { code: 'node.address' }, bad)
  }
  await assert.rejects(node.dial(addressOf(other), AbortSignal.abort(new Error('stop'))), {
    message: 'stop',
  })
  await assert.rejects(node.open(other.peerId, hello.id), { code: 'node.not-connected' })
  await node.dial(addressOf(other))
  await assert.rejects(node.open(other.peerId, '/muster/tea/1'), { code: 'protocol.unsupported' })
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  const { port: deaf } = silent.address() as { port: number }
  await assert.rejects(
    node.dial(`/ip4/127.0.0.1/tcp/${deaf}/${stranger}`, systemClock.timeout(300)),
    { name: 'TimeoutError' },
  )
})

test('node: reports an occupied port and a closed node', async (t) => {
  const fleet = await createTestFleet()
  const first = await fleet.node(t, { role: 'agent', name: 'web-1' })
  const port = addressOf(first).split('/')[4]
  await assert.rejects(
    fleet.node(t, { role: 'agent', name: 'web-2' }, { listen: [`/ip4/127.0.0.1/tcp/${port}`] }),
    {
      code: 'node.listen',
      exit: 'conflict',
    },
  )
  await first.close()
  await first.close()
  await assert.rejects(first.dial(`/ip4/127.0.0.1/tcp/1/p2p/${first.peerId}`), {
    code: 'node.closed',
  })
})

test('TR-10: ignores advertised addresses and dials only on request', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  await agent.dial(addressOf(coordinator))
  await systemClock.sleep(100)
  assert.equal(coordinator.peers().length, 1)
  await (coordinator.peer(agent.peerId) as { close(): Promise<void> }).close()
  await until(() => coordinator.peer(agent.peerId) === undefined)
  await assert.rejects(coordinator.open(agent.peerId, hello.id), { code: 'node.not-connected' })
})

test('TR-17: does not serve relay, discovery or routing protocols', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  await agent.dial(addressOf(coordinator))
  for (const id of [
    '/libp2p/circuit/relay/0.2.0/hop',
    '/libp2p/circuit/relay/0.2.0/stop',
    '/ipfs/kad/1.0.0',
    '/libp2p/autonat/1.0.0',
    '/libp2p/dcutr',
    '/ipfs/id/push/1.0.0',
    '/floodsub/1.0.0',
    '/libp2p/fetch/0.0.1',
  ]) {
    await assert.rejects(agent.open(coordinator.peerId, id), { code: 'protocol.unsupported' }, id)
  }
})

test('node: rejects greetings above the quota and keeps the connection', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const stranger = await fleet.node(t, { role: undefined, name: 'stranger' })
  await stranger.dial(addressOf(coordinator))
  const client = openClient(hello, await stranger.open(coordinator.peerId, hello.id), {
    clock: systemClock,
  })
  const greet = (): Promise<unknown> => client.call('greet', stranger.membership.introduce())
  const codes: unknown[] = []
  for (let n = 0; n < 12; n += 1)
    codes.push(
      await greet().then(
        () => 'ok',
        (error: { code: string }) => error.code,
      ),
    )
  assert.equal(codes.at(-1), 'protocol.busy')
  assert.ok(coordinator.peer(stranger.peerId) !== undefined)
})
