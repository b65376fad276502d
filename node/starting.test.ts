/** Tests `protocols/rpc/starting.ts` over libp2p, which remote operators and agents use. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { openClient } from '../protocols/rpc/call.ts'
import { providers } from '../protocols/providers/protocol.ts'
import { serveProtocol } from '../protocols/rpc/serve.ts'
import { createStartGate } from '../protocols/rpc/starting.ts'
import { systemClock } from '../shared/clock.ts'
import { blobId } from '../shared/ids.ts'
import { createNodePolicy } from './membership/policy.ts'
import { addressOf, createTestFleet } from './testing/fleet.ts'

const forever = new AbortController().signal
const id = blobId.parse('7'.repeat(64))

test('starting: remote callers wait for a starting node, up to a limit', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'c1' })
  const caller = await fleet.node(t, { role: 'agent', name: 'a1' })
  // The clock advances only while the node sleeps, so that the wait is exact and takes no real
  // time.
  let now = 0
  let stuck = false
  const asked = Promise.withResolvers<void>()
  const clock = {
    ...systemClock,
    monotonic: () => now,
    sleep: async (ms: number, signal?: AbortSignal) => {
      asked.resolve()
      if (stuck) now += ms
      await systemClock.sleep(1, signal)
    },
  }
  const gate = createStartGate({ clock })
  await coordinator.handle(providers, gate.serve('c1'))
  await caller.dial(addressOf(coordinator))
  const find = async () => {
    const stream = await caller.open(coordinator.peerId, providers.id, forever)
    const client = openClient(providers, stream, { clock: systemClock })
    try {
      return await client.call('find', { ids: [id] })
    } finally {
      await client.close().catch(() => undefined)
    }
  }
  stuck = true
  await assert.rejects(find(), { code: 'socket.starting', exit: 'unreachable', retryable: true })
  stuck = false
  const waiting = find()
  await asked.promise
  const handlers = {
    find: async () => ({ found: [[]] }),
    announce: async () => ({ expiresInMs: 1 }),
  }
  const serving = { clock: systemClock, log: coordinator.log, policy: createNodePolicy() }
  gate.open(serveProtocol(providers, handlers, serving))
  assert.deepEqual(await waiting, { found: [[]] })
})
