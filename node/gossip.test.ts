import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../shared/clock.ts'
import { MIB } from '../shared/units.ts'
import { writeVarint } from '../protocols/wire/varint.ts'
import { GOSSIP_MESSAGE_BYTES } from './libp2p/limits.ts'
import { type Gossip, type Verdict, topicName } from './gossip.ts'
import { type TestNode, addressOf, createTestFleet } from './testing/fleet.ts'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(20)
}

/** Listens to facts and keeps the messages that it accepted. */
function listen(
  node: { gossip: Gossip },
  judge: (text: string, author: string) => Verdict = () => 'accept',
): string[] {
  const heard: string[] = []
  node.gossip.on('facts', ({ bytes, author }) => {
    const text = Buffer.from(bytes).toString()
    const verdict = judge(text, author)
    if (verdict === 'accept') heard.push(text)
    return verdict
  })
  return heard
}

test('gossip: fourteen members behind one address receive all messages', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agents = await Promise.all(
    Array.from({ length: 13 }, (_, i) => fleet.node(t, { role: 'agent', name: `web-${i}` })),
  )
  const everybody = [coordinator, ...agents]
  const heard = everybody.map((node) => listen(node))
  await Promise.all(agents.map((agent) => agent.dial(addressOf(coordinator))))
  await until(
    () =>
      coordinator.gossip.listeners('facts').length === 13 &&
      agents.every((agent) => agent.gossip.listeners('facts').length === 1),
  )
  // The score of a peer changes after some heartbeats. With the default score, all of them would be
  // ignored by then.
  for (let round = 0; round < 3; round += 1) {
    for (const [i, node] of everybody.entries())
      await node.gossip.publish('facts', Buffer.from(`${round}:${i}`))
    await systemClock.sleep(300)
  }
  await until(() => heard.every((list) => list.length === 3 * 13))
  for (const [i, list] of heard.entries())
    assert.ok(!list.includes(`0:${i}`) && new Set(list).size === 39)
})

test('gossip: only members send and receive, strangers do so after a greeting', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  const agent = await fleet.node(t, { role: 'agent', name: 'web-1' })
  const stranger = await fleet.node(t, { role: undefined, name: 'stranger' })
  const [atCoordinator, atAgent, atStranger] = [coordinator, agent, stranger].map((node) =>
    listen(node),
  ) as [string[], string[], string[]]
  await Promise.all([agent.dial(addressOf(coordinator)), stranger.dial(addressOf(coordinator))])
  await until(() => coordinator.gossip.mesh('facts').includes(agent.peerId))
  await stranger.gossip.publish('facts', Buffer.from('let me in'))
  await agent.gossip.publish('facts', Buffer.from('hello'))
  await coordinator.gossip.publish('facts', Buffer.from('welcome'))
  await until(() => atCoordinator.includes('hello') && atAgent.includes('welcome'))
  assert.deepEqual(coordinator.gossip.mesh('facts'), [agent.peerId])
  assert.deepEqual([atCoordinator, atAgent, atStranger], [['hello'], ['welcome'], []])
  stranger.certificate = await fleet.certify(stranger.key, { role: 'agent', name: 'web-2' })
  await stranger.reintroduce()
  await until(() => coordinator.gossip.mesh('facts').includes(stranger.peerId))
  await coordinator.gossip.publish('facts', Buffer.from('again'))
  await until(() => atStranger.includes('again'))
})

test('FG-01: drops rejected messages, and ignores the sender of three of them', async (t) => {
  const fleet = await createTestFleet()
  const [a, hub, b] = (await Promise.all(
    ['a', 'hub', 'b'].map((name) =>
      fleet.node(t, { role: name === 'hub' ? 'coordinator' : 'agent', name }),
    ),
  )) as [TestNode, TestNode, TestNode]
  // A fact contains its author. In this test, the author is the text before the colon.
  const judge = (text: string, author: string): Verdict =>
    text.startsWith(`${author}:`) ? 'accept' : 'reject'
  listen(a)
  const atHub = listen(hub, judge)
  const atB = listen(b)
  await Promise.all([a.dial(addressOf(hub)), b.dial(addressOf(hub))])
  await until(() => hub.gossip.mesh('facts').length === 2)
  await a.gossip.publish('facts', Buffer.from(`${a.peerId}:mine`))
  await until(() => atB.length === 1)
  for (let n = 0; n < 4; n += 1)
    await a.gossip.publish('facts', Buffer.from(`${b.peerId}:forged ${n}`))
  await systemClock.sleep(1_500)
  await a.gossip.publish('facts', Buffer.from(`${a.peerId}:too late`))
  await b.gossip.publish('facts', Buffer.from(`${b.peerId}:honest`))
  await until(() => atHub.includes(`${b.peerId}:honest`))
  await systemClock.sleep(300)
  assert.deepEqual(atHub, [`${a.peerId}:mine`, `${b.peerId}:honest`])
  assert.deepEqual(atB, [`${a.peerId}:mine`])
})

test('FG-13: a handler that throws or hangs does not block the next message', async (t) => {
  const fleet = await createTestFleet()
  const [a, b] = [
    await fleet.node(t, { role: 'coordinator', name: 'a' }),
    await fleet.node(t, { role: 'agent', name: 'b' }),
  ]
  const heard: string[] = []
  listen(a)
  b.gossip.on('facts', async ({ bytes }) => {
    const text = Buffer.from(bytes).toString()
    if (text === 'throw') throw new TypeError('a bug')
    if (text === 'hang') await new Promise(() => undefined)
    heard.push(text)
    return 'accept' as const
  })
  await b.dial(addressOf(a))
  await until(() => a.gossip.mesh('facts').length === 1)
  for (const text of ['throw', 'hang', 'fine']) await a.gossip.publish('facts', Buffer.from(text))
  await until(() => heard.length === 1)
  assert.deepEqual(heard, ['fine'])
  assert.ok(b.log.lines.some(({ message }) => message === 'gossip handler failed'))
})

test('gossip: rejects large messages, and sends without listeners', async (t) => {
  const fleet = await createTestFleet()
  const node = await fleet.node(t, { role: 'agent', name: 'web-1' })
  await assert.rejects(node.gossip.publish('facts', Buffer.alloc(GOSSIP_MESSAGE_BYTES + 1)), {
    code: 'protocol.too-large',
  })
  await node.gossip.publish('audit', Buffer.from('into the void'))
  assert.equal(topicName(fleet.id, 'facts'), `muster/${fleet.id}/facts`)
})

/** Encodes a length-delimited protobuf field with a length of up to 2^28. */
function field(number: number, bytes: Uint8Array): Buffer {
  const prefix = new Uint8Array(8)
  return Buffer.concat([
    Uint8Array.of((number << 3) | 2),
    prefix.subarray(0, writeVarint(prefix, 0, bytes.length)),
    bytes,
  ])
}

test('FG-03: drops frames with too many items, and memory does not grow', async (t) => {
  const fleet = await createTestFleet()
  const hub = await fleet.node(t, { role: 'coordinator', name: 'hub' })
  const honest = await fleet.node(t, { role: 'agent', name: 'honest' })
  const hostile = await fleet.node(t, { role: 'agent', name: 'hostile' })
  const heard = listen(hub)
  listen(honest)
  await Promise.all([honest.dial(addressOf(hub)), hostile.dial(addressOf(hub))])
  const topic = (n: number): Buffer => Buffer.from(`muster/${fleet.id}/t${n}`)
  const many = (count: number, item: (n: number) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, n) => item(n)))
  // rpc.proto of gossipsub v1.1: RPC { subscriptions = 1 { subscribe = 1, topicid = 2 }, control =
  // 3 { ihave = 1 { topicID = 1, messageIDs = 2 }, graft = 3 } }
  const frames = [
    many(4_000, (n) => field(1, Buffer.concat([Buffer.from('0801', 'hex'), field(2, topic(n))]))),
    many(16, (n) => field(1, Buffer.concat([Buffer.from('0801', 'hex'), field(2, topic(n))]))),
    field(
      3,
      many(4_000, (n) => field(3, field(1, topic(n)))),
    ),
    field(
      3,
      field(
        1,
        Buffer.concat([
          field(1, Buffer.from(topicName(fleet.id, 'facts'))),
          many(7_000, (n) => field(2, Buffer.alloc(30, n))),
        ]),
      ),
    ),
    many(1_000_000, () => Buffer.from('0a00', 'hex')),
  ]
  const before = process.memoryUsage().rss
  for (const frame of frames) {
    for (let repeat = 0; repeat < 3; repeat += 1) {
      const duplex = await hostile.open(hub.peerId, '/meshsub/1.1.0')
      const prefix = new Uint8Array(8)
      await duplex
        .write(prefix.subarray(0, writeVarint(prefix, 0, frame.length)), frame)
        .catch(() => undefined)
      await duplex.close().catch(() => undefined)
    }
  }
  await until(() => hub.gossip.mesh('facts').includes(honest.peerId))
  await honest.gossip.publish('facts', Buffer.from('all is well'))
  await until(() => heard.includes('all is well'))
  const grown = process.memoryUsage().rss - before
  assert.ok(grown < 64 * MIB, `memory grew by ${grown} bytes`)
})
