import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodePolicy } from '../../node/membership/policy.ts'
import { addressOf, createTestFleet } from '../../node/testing/fleet.ts'
import { limits } from '../../protocols/audit/limits.ts'
import { audit } from '../../protocols/audit/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { systemClock as clock } from '../../shared/clock.ts'
import { signedSample } from '../../shared/testing/statements.ts'
import { followTrust } from './trust-follower.ts'
import { joinedTrust, operator, testLog } from '../testing/coordinator-stand-in.ts'
import { until } from '../testing/until.ts'

test('trust follower: requests a proof for each checkpoint until it gets one', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await fleet.node(t, { role: 'coordinator', name: 'mirror' })
  const history = testLog()
  let asked = 0
  let refuse = true
  const unsupported = async (): Promise<never> => {
    throw wireError('protocol.unsupported', { what: 'a test' })
  }
  const handlers = Object.fromEntries(
    Object.keys(audit.methods).map((name) => [name, unsupported]),
  ) as unknown as Handlers<typeof audit>
  const consistency: Handlers<typeof audit>['consistency'] = async ({ from, to }) => {
    asked += 1
    if (refuse) throw wireError('protocol.busy', { what: 'a test' })
    return { proof: await history.consistency(from, to) }
  }
  await coordinator.handle(
    audit,
    serveProtocol(
      audit,
      { ...handlers, consistency },
      { policy: createNodePolicy(), clock, log: coordinator.log },
    ),
  )
  const node = await fleet.node(t, { role: 'agent', name: 'web-1' })
  const { trust } = await joinedTrust(t)
  await trust.log.accept(await history.checkpoint())
  const abort = new AbortController()
  t.after(() => abort.abort())
  const off = followTrust(
    {
      node,
      trust,
      clock,
      log: node.log,
      fleet: fleet.id,
      coordinator: () => coordinator.peerId,
      pull: () => undefined,
    },
    abort.signal,
  )
  await node.dial(addressOf(coordinator))
  await until(() => coordinator.gossip.listeners('audit').length > 0)
  const grow = async (): Promise<number> => {
    history.append('root', await signedSample('root', operator))
    const checkpoint = await history.checkpoint()
    await coordinator.gossip.publish('audit', Buffer.from(checkpoint.note))
    return checkpoint.size
  }
  const more = Math.max(limits.maxInboundStreams, limits.maxOutboundStreams) + 4
  for (let n = 1; n <= more; n++) {
    await grow()
    await until(() => asked === n)
  }
  assert.equal((await trust.log.known())?.size, 1)
  refuse = false
  const size = await grow()
  await until(async () => (await trust.log.known())?.size === size)
  off()
})
