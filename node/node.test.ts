import assert from 'node:assert/strict'
import test from 'node:test'
import { addressOf, createTestFleet } from './testing/fleet.ts'

test('node: two members greet each other and know who they are', async (t) => {
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
})
