/** An agent checks revocations and checkpoints from gossip. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { encode } from 'cborg'
import type { GossipMessage, Verdict } from '../../node/gossip.ts'
import type { MusterNode } from '../../node/node.ts'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { leafHash } from '../../shared/audit/tree.ts'
import { systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import {
  OTHER_FLEET,
  signedSample,
  TEST_AGENT,
  TEST_FLEET,
  TEST_TIME,
  testKey,
  testUuid,
} from '../../shared/testing/statements.ts'
import { isKeyRevoked } from '../../shared/trust/revocations.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { toText, toWire } from '../../shared/trust/transport.ts'
import { followTrust } from './trust-follower.ts'
import {
  delegate,
  issuer,
  joinedTrust,
  operator,
  stranger,
  testClock,
} from '../testing/coordinator-stand-in.ts'

async function follower(t: TestContext) {
  const { trust, again } = await joinedTrust(t)
  const handlers = new Map<string, (message: GossipMessage) => Promise<Verdict> | Verdict>()
  const node = {
    gossip: {
      on: (topic: string, handler: (message: GossipMessage) => Promise<Verdict> | Verdict) => {
        handlers.set(topic, handler)
        return () => handlers.delete(topic)
      },
    },
  } as unknown as MusterNode
  const log = recordedLog()
  let pulls = 0
  const pull = (): void => void (pulls += 1)
  const off = followTrust(
    { node, trust, clock: testClock(), log, fleet: TEST_FLEET, coordinator: () => undefined, pull },
    new AbortController().signal,
  )
  t.after(off)
  const audit = async (note: string): Promise<Verdict | undefined> =>
    handlers.get('audit')?.({ author: 'a', from: 'b', bytes: Buffer.from(note) })
  const receive = async (bytes: Uint8Array): Promise<Verdict | undefined> =>
    handlers.get('policy')?.({ author: 'a', from: 'b', bytes })
  return {
    trust,
    again,
    log,
    receive,
    audit,
    pulls: () => pulls,
    policy: (signed: Signed) => receive(encode(toWire(signed))),
  }
}

const revoke = (
  epoch: number,
  changes: Parameters<typeof signedSample<'revocation'>>[2] = {},
  by = operator,
): Promise<Signed> =>
  signedSample('revocation', by, { epoch, id: testUuid(900 + epoch), ...changes })

test('ID-24: a revocation from gossip counts at once and listeners are called', async (t) => {
  const { trust, policy } = await follower(t)
  let changes = 0
  const off = trust.onChange(() => (changes += 1))
  const gone = await revoke(1, { kind: 'key', target: stranger.fingerprint })
  assert.equal(await policy(gone), 'accept')
  assert.equal(isKeyRevoked(trust.revocations().accepted, stranger.fingerprint), true)
  assert.equal(await policy(gone), 'accept')
  assert.equal(changes, 1)
  off()
  await policy(await revoke(2))
  assert.equal(changes, 1)
})

test('ID-26: the statement of a member cannot use up a revocation epoch', async (t) => {
  const { trust, again, policy } = await follower(t)
  // The signers are an unknown key, a key with a grant, and a key that delegated a right. Their
  // epochs don't count, even if the statements are valid.
  const first = await signedSample('grant', operator, {
    id: testUuid(60),
    subject: delegate.fingerprint,
    depth: 1,
  })
  const onward = await signedSample('grant', delegate, {
    id: testUuid(61),
    subject: stranger.fingerprint,
    parent: testUuid(60),
  })
  const chain = [first, onward].map((one) => ({ ...toText(one), scheme: 'sshsig' as const }))
  const squats = [
    await revoke(1, {}, stranger),
    await revoke(1, { kind: 'agent', target: TEST_AGENT }, delegate),
    await revoke(900, {}, delegate),
    await revoke(1, { target: testUuid(61), chain }, delegate),
  ]
  for (const squat of squats) assert.equal(await policy(squat), 'ignore')
  assert.equal(trust.revocations().epoch, 0)
  assert.equal(
    await policy(await revoke(1, { kind: 'key', target: stranger.fingerprint })),
    'accept',
  )
  for (const state of [trust, await again()])
    assert.equal(isKeyRevoked(state.revocations().accepted, stranger.fingerprint), true)
})

test('ID-26: two revocations of operators with one epoch cause an alarm', async (t) => {
  const { trust, policy, log } = await follower(t)
  await policy(await revoke(1))
  assert.equal(await policy(await revoke(1, { target: testUuid(77) })), 'ignore')
  assert.match(JSON.stringify(log.lines.at(-1)), /two revocations claim one number/)
  assert.equal(trust.revocations().known.length, 1)
})

test('ID-32: rejects only gossip that is invalid on every host of the fleet', async (t) => {
  const { policy, receive } = await follower(t)
  const good = await revoke(1)
  const wrong = [
    { ...good, key: stranger.publicKey },
    await revoke(1, { fleet: OTHER_FLEET }),
    await signedSample('grant', operator),
  ]
  for (const signed of wrong) assert.equal(await policy(signed), 'reject')
  for (const bytes of [new Uint8Array(), Buffer.from('no cbor'), new Uint8Array(60_000).fill(0x81)])
    assert.equal(await receive(bytes), 'reject')
  // An operator of the next root signed the first one, but this host lacks that root. The epoch of
  // the second one is far ahead.
  assert.equal(
    await policy(await revoke(2, { kind: 'agent', target: TEST_AGENT }, testKey(30))),
    'ignore',
  )
  assert.equal(await policy(await revoke(5000)), 'ignore')
})

test('FG-07: pulls a revocation with an earlier epoch that is missing', async (t) => {
  const { policy, pulls } = await follower(t)
  await policy(await revoke(1))
  assert.equal(pulls(), 0)
  await policy(await revoke(3))
  assert.equal(pulls(), 1)
  await policy(await revoke(2))
  assert.equal(pulls(), 1)
})

test('AL-04: a log that shrank causes an alarm with the proof', async (t) => {
  const { trust, log, audit } = await follower(t)
  const sign = (size: number, leaf: string, at: number) =>
    signCheckpoint(issuer, TEST_FLEET, {
      size,
      root: leafHash(Buffer.from(leaf)),
      at: TEST_TIME + at,
    })
  await trust.log.accept(await sign(5, 'a', 5))
  // This checkpoint was signed earlier, so another one overtook it.
  await audit((await sign(4, 'b', 4)).note)
  const shrunk = await sign(4, 'b', 6)
  const forked = await sign(5, 'c', 6)
  for (const { note } of [shrunk, forked]) {
    assert.equal(await audit(note), 'accept')
    while (
      !log.lines.some((line) => JSON.stringify(line).includes(JSON.stringify(note).slice(1, -1)))
    )
      await systemClock.sleep(1)
  }
  assert.equal(log.lines.length, 2)
  assert.equal((await trust.log.known())?.size, 5)
})
