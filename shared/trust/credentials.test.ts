/** Tests the checks of certificates, sessions and intents: key, fleet, coordinator and time. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { peerIdOfKey } from '../identity/peer-id.ts'
import type { Signer } from '../identity/signer.ts'
import {
  base64Key,
  minutesLater,
  OTHER_FLEET,
  sampleBody,
  signedSample,
  TEST_AGENT,
  TEST_FLEET,
  TEST_TIME,
  testKey,
  testUuid,
} from '../testing/statements.ts'
import {
  checkCertificate,
  checkIntent,
  checkSession,
  CLOCK_SKEW_MS,
  requireIssuer,
} from './credentials.ts'
import { type AcceptedRevocation, acceptRevocation, NOTHING_REVOKED } from './revocations.ts'
import type { Root } from './root.ts'
import type { Unsigned } from './signed.ts'

const operator = testKey(1)
const issuer = testKey(200)
const node = testKey(204)
const root = { ...sampleBody('root', operator), type: 'muster/root/v1' } as Root
const at = TEST_TIME
const minute = 60_000

async function revoked(
  kind: 'key' | 'agent',
  target: string,
): Promise<readonly AcceptedRevocation[]> {
  const signed = await signedSample('revocation', operator, { kind, target })
  return acceptRevocation(NOTHING_REVOKED, root, signed).accepted
}

describe('node certificates', () => {
  const certificate = (changes: Partial<Unsigned<'certificate'>> = {}, signer: Signer = issuer) =>
    signedSample('certificate', signer, changes)

  test('accepts one by an issuing key of the root within its validity', async () => {
    const checked = checkCertificate(await certificate(), { root, revocations: [], at })
    assert.equal(checked.agent, TEST_AGENT)
    assert.equal(checked.subject, base64Key(node))
  })

  test('rejects one by an operator, by the node itself or by an unknown key', async () => {
    for (const signer of [operator, node, testKey(9)]) {
      const signed = await certificate({}, signer)
      assert.throws(() => checkCertificate(signed, { root, revocations: [], at }), {
        code: 'trust.issuer',
        exit: 'denied',
      })
    }
    requireIssuer({ key: issuer.publicKey }, root, 'a checkpoint')
    assert.throws(() => requireIssuer({ key: node.publicKey }, root, 'a checkpoint'), {
      code: 'trust.issuer',
      message: /a checkpoint/,
    })
  })

  test('starts with clock tolerance and ends exactly', async () => {
    const signed = await certificate({ notBefore: minutesLater(0), notAfter: minutesLater(10) })
    const check = (when: number): unknown =>
      checkCertificate(signed, { root, revocations: [], at: when })
    assert.ok(check(at + 10 * minute - 1))
    assert.throws(() => check(at + 10 * minute), { code: 'trust.expired' })
    assert.ok(check(at - CLOCK_SKEW_MS))
    assert.throws(() => check(at - CLOCK_SKEW_MS - 1), { code: 'trust.too-early', retryable: true })
    assert.throws(() => check(Number.NaN))
  })

  test('rejects one with a revoked node, agent or issuing key, or of another fleet', async () => {
    const signed = await certificate()
    for (const revocations of [
      await revoked('key', node.fingerprint),
      await revoked('key', issuer.fingerprint),
      await revoked('agent', TEST_AGENT),
    ])
      assert.throws(() => checkCertificate(signed, { root, revocations, at }), {
        code: 'trust.revoked',
      })
    assert.ok(
      checkCertificate(signed, { root, revocations: await revoked('agent', testUuid(5)), at }),
    )
    const foreign = await certificate({ fleet: OTHER_FLEET })
    assert.throws(() => checkCertificate(foreign, { root, revocations: [], at }), {
      code: 'trust.fleet',
    })
  })
})

describe('session delegations', () => {
  const coordinator = peerIdOfKey(testKey(203).publicKey)
  const state = { fleet: TEST_FLEET, coordinator, revocations: [], at }

  test('is valid only for its coordinator, for at most twelve hours', async () => {
    const signed = await signedSample('session', operator)
    assert.equal(checkSession(signed, state).actor, operator.fingerprint)
    const elsewhere = peerIdOfKey(testKey(7).publicKey)
    assert.throws(() => checkSession(signed, { ...state, coordinator: elsewhere }), {
      code: 'trust.other-coordinator',
    })
    assert.throws(() => checkSession(signed, { ...state, at: at + 12 * 60 * minute }), {
      code: 'trust.expired',
    })
    assert.throws(() => checkSession(signed, { ...state, at: at - 10 * minute }), {
      code: 'trust.too-early',
    })
    assert.throws(() => checkSession(signed, { ...state, fleet: OTHER_FLEET }), {
      code: 'trust.fleet',
    })
  })

  test('rejects a session of a revoked operator', async () => {
    const signed = await signedSample('session', operator)
    const revocations = await revoked('key', operator.fingerprint)
    assert.throws(() => checkSession(signed, { ...state, revocations }), { code: 'trust.revoked' })
  })
})

describe('intents', () => {
  test('is valid for five minutes', async () => {
    const signed = await signedSample('intent', operator)
    assert.equal(checkIntent(signed, { fleet: TEST_FLEET, at }).verb, 'run.start')
    assert.ok(checkIntent(signed, { fleet: TEST_FLEET, at: at + 5 * minute - 1 }))
    assert.throws(() => checkIntent(signed, { fleet: TEST_FLEET, at: at + 5 * minute }), {
      code: 'trust.expired',
    })
    assert.throws(() => checkIntent(signed, { fleet: TEST_FLEET, at: at - 3 * minute }), {
      code: 'trust.too-early',
    })
  })

  test('ID-21: an audit uses the time of the log entry, not the claimed times', async () => {
    // Its times are within its validity and that of the grant, but the log received it an hour
    // later.
    const signed = await signedSample('intent', operator)
    assert.throws(() => checkIntent(signed, { fleet: TEST_FLEET, at: at + 60 * minute }), {
      code: 'trust.expired',
    })
    const ahead = await signedSample('intent', operator, {
      issuedAt: minutesLater(600),
      expiresAt: minutesLater(605),
    })
    assert.throws(() => checkIntent(ahead, { fleet: TEST_FLEET, at }), { code: 'trust.too-early' })
  })
})
