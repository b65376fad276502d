import assert from 'node:assert/strict'
import test from 'node:test'
import { PROOF_TYPE, proofBytes } from '../../protocols/control/proof.ts'
import type { DuplexPeer } from '../../protocols/rpc/peer.ts'
import { generateKey, type NodeKey } from '../../shared/identity/signer.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { systemRandom } from '../../shared/random.ts'
import {
  base64Key,
  minutesLater,
  OTHER_FLEET,
  signedSample,
  TEST_FLEET,
  TEST_TIME,
  testKey,
  testUuid,
} from '../../shared/testing/statements.ts'
import { pae } from '../../shared/trust/dsse.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import {
  operator,
  stranger,
  testCoordinator,
  type TestCoordinator,
} from '../testing/coordinator.ts'
import { createSessions, type Sessions } from './sessions.ts'

const COORDINATOR = peerIdOfKey(testKey(203).publicKey)
const OTHER_COORDINATOR = peerIdOfKey(testKey(205).publicKey)
const ephemeral = generateKey({ random: systemRandom })

const newPeer = (): DuplexPeer => ({
  transport: 'unix',
  peerId: undefined,
  address: 'socket',
  member: undefined,
  session: undefined,
})

function sessionsOf(coordinator: TestCoordinator): Sessions {
  const { access, clock } = coordinator
  return createSessions(
    { access, clock, random: systemRandom },
    { fleet: TEST_FLEET, coordinator: COORDINATOR },
  )
}

const delegation = (
  changes: Parameters<typeof signedSample<'session'>>[2] = {},
  by = operator,
): Promise<Signed> =>
  signedSample('session', by, { key: base64Key(ephemeral), coordinator: COORDINATOR, ...changes })
const prove = (
  nonce: Uint8Array,
  coordinator = COORDINATOR,
  key: NodeKey = ephemeral,
  type = PROOF_TYPE,
): Promise<Uint8Array> => key.sign(pae(type, proofBytes(nonce, coordinator)))

test('session: a delegation and its proof open a session of the actor on this duplex', async () => {
  await using coordinator = await testCoordinator()
  const sessions = sessionsOf(coordinator)
  const peer = newPeer()
  await sessions.open(peer, await delegation(), await prove(sessions.begin(peer)))
  assert.deepEqual(peer.session, {
    operator: operator.fingerprint,
    notAfter: TEST_TIME + 12 * 3_600_000,
  })
})

test('session: a nonce is valid for one attempt on one duplex', async () => {
  await using coordinator = await testCoordinator()
  const sessions = sessionsOf(coordinator)
  const [peer, other] = [newPeer(), newPeer()]
  const signed = await delegation()
  await assert.rejects(sessions.open(peer, signed, await prove(new Uint8Array(32))), {
    code: 'session.not-begun',
  })
  const proof = await prove(sessions.begin(peer))
  // Sends the proof on another duplex: first without a nonce there, then with one.
  await assert.rejects(sessions.open(other, signed, proof), { code: 'session.not-begun' })
  sessions.begin(other)
  await assert.rejects(sessions.open(other, signed, proof), { code: 'session.bad-proof' })
  await sessions.open(peer, signed, proof)
  await assert.rejects(sessions.open(peer, signed, proof), { code: 'session.not-begun' })
  // A second begin() makes the first nonce void. A failed attempt uses its nonce up.
  const first = await prove(sessions.begin(other))
  const second = await prove(sessions.begin(other))
  await assert.rejects(sessions.open(other, signed, first), { code: 'session.bad-proof' })
  await assert.rejects(sessions.open(other, signed, second), { code: 'session.not-begun' })
  assert.equal(other.session, undefined)
})

test('session: two concurrent attempts with one nonce open at most one session', async () => {
  await using coordinator = await testCoordinator()
  const sessions = sessionsOf(coordinator)
  const peer = newPeer()
  const proof = await prove(sessions.begin(peer))
  const signed = await delegation()
  const both = await Promise.allSettled([
    sessions.open(peer, signed, proof),
    sessions.open(peer, signed, proof),
  ])
  assert.deepEqual(both.map((one) => one.status).sort(), ['fulfilled', 'rejected'])
})

test('session: an invalid delegation or proof opens no session', async () => {
  await using coordinator = await testCoordinator()
  const sessions = sessionsOf(coordinator)
  const forged = await delegation()
  const cases: [string, string, Signed, (nonce: Uint8Array) => Promise<Uint8Array>][] = [
    [
      'a proof by another key',
      'session.bad-proof',
      forged,
      (nonce) => prove(nonce, COORDINATOR, stranger),
    ],
    [
      'a proof by the operator, who is not the delegated key',
      'session.bad-proof',
      forged,
      (nonce) => prove(nonce, COORDINATOR, operator),
    ],
    [
      'a proof for another coordinator',
      'session.bad-proof',
      forged,
      (nonce) => prove(nonce, OTHER_COORDINATOR),
    ],
    [
      'a proof of another type',
      'session.bad-proof',
      forged,
      (nonce) => prove(nonce, COORDINATOR, ephemeral, 'muster/facts/v1'),
    ],
    ['a proof over the bare nonce', 'session.bad-proof', forged, (nonce) => ephemeral.sign(nonce)],
    ['no proof', 'session.bad-proof', forged, async () => new Uint8Array(64)],
    [
      'half a proof',
      'session.bad-proof',
      forged,
      async (nonce) => (await prove(nonce)).subarray(0, 63),
    ],
    [
      'a delegation for another coordinator',
      'trust.other-coordinator',
      await delegation({ coordinator: OTHER_COORDINATOR }),
      (nonce) => prove(nonce),
    ],
    [
      'a delegation of another fleet',
      'trust.fleet',
      await delegation({ fleet: OTHER_FLEET }),
      (nonce) => prove(nonce),
    ],
    [
      'a delegation that has ended',
      'trust.expired',
      await delegation({ notBefore: minutesLater(-60), notAfter: minutesLater(0) }),
      (nonce) => prove(nonce),
    ],
    [
      'a delegation that has not begun',
      'trust.too-early',
      await delegation({ notBefore: minutesLater(3), notAfter: minutesLater(60) }),
      (nonce) => prove(nonce),
    ],
    [
      'a delegation signed by another key',
      'trust.signature',
      { ...forged, key: stranger.publicKey },
      (nonce) => prove(nonce),
    ],
    [
      'an intent instead of a delegation',
      'trust.type',
      await signedSample('intent', operator),
      (nonce) => prove(nonce),
    ],
  ]
  for (const [what, code, signed, proof] of cases) {
    const peer = newPeer()
    await assert.rejects(
      sessions.open(peer, signed, await proof(sessions.begin(peer))),
      { code },
      what,
    )
    assert.equal(peer.session, undefined, what)
  }
})

test('session: a revoked key opens no session', async () => {
  await using coordinator = await testCoordinator()
  const sessions = sessionsOf(coordinator)
  const gone = await signedSample('revocation', operator, {
    id: testUuid(801),
    kind: 'key',
    target: stranger.fingerprint,
  })
  await coordinator.database.transaction((tx) =>
    coordinator.access.insertRevocation(tx, gone, TEST_TIME),
  )
  const peer = newPeer()
  await assert.rejects(
    sessions.open(peer, await delegation({}, stranger), await prove(sessions.begin(peer))),
    { code: 'trust.revoked' },
  )
})
