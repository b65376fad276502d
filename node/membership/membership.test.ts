import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import { generateKey } from '../../shared/identity/signer.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { systemRandom } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { checkCertificate } from '../../shared/trust/credentials.ts'
import { toWire } from '../../shared/trust/transport.ts'
import { createMembership } from './membership.ts'
import { createTestFleet } from '../testing/fleet.ts'

test('FG-06: greetings of many strangers remove no member', async () => {
  const fleet = await createTestFleet()
  const check = (signed: Parameters<typeof checkCertificate>[0]) =>
    checkCertificate(signed, { root: fleet.root, revocations: [], at: systemClock.now() })
  const membership = createMembership(
    { clock: systemClock, log: recordedLog() },
    { credentials: { own: () => undefined, check }, version: '0.0.0-test' },
  )
  const key = generateKey({ random: systemRandom })
  const peer = peerIdOfKey(key.publicKey)
  const greeting = { capability: 1, at: systemClock.now(), version: 'x' }
  const certificate = toWire(await fleet.certify(key, { role: 'agent', name: 'host' }))
  assert.equal(membership.learn(peer, { ...greeting, certificate }), undefined)
  // The certificate of another peer does not make a peer a member.
  for (let i = 0; i < 11_000; i += 1)
    membership.learn(`stranger ${i}`, i % 1000 === 0 ? { ...greeting, certificate } : greeting)
  assert.equal(membership.member(peer)?.name, 'host')
  assert.equal(membership.capability('stranger 0'), 0, 'strangers of long ago are forgotten')
  assert.equal(membership.capability('stranger 10999'), 1)
  // Without its certificate, the peer is a stranger again.
  membership.learn(peer, greeting)
  assert.equal(membership.member(peer), undefined)
  assert.equal(membership.capability(peer), 1)
})
