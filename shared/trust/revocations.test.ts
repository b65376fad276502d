/**
 * Checks that the revocation state only grows, detects forks, and doesn't depend on the order of
 * arrival.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MusterError } from '../errors.ts'
import type { Signer } from '../identity/signer.ts'
import {
  base64Key,
  OTHER_FLEET,
  sampleBody,
  signedSample,
  TEST_AGENT,
  testKey,
  testUuid,
} from '../testing/statements.ts'
import {
  acceptRevocation,
  isAgentRevoked,
  isKeyRevoked,
  completeEpoch,
  MAX_EPOCH_JUMP,
  missingEpochs,
  NOTHING_REVOKED,
  type RevocationState,
} from './revocations.ts'
import type { Root } from './root.ts'
import { type Signed, type Unsigned } from './signed.ts'
import { toText } from './transport.ts'

const operator = testKey(1)
const second = testKey(2)
const stranger = testKey(3)
const alice = testKey(4)
const bob = testKey(5)
const root = {
  ...sampleBody('root', operator),
  type: 'muster/root/v1',
  operators: [operator, second].map((key, i) => ({ key: base64Key(key), name: `o${i}` })),
} as Root

const revoke = (
  epoch: number,
  changes: Partial<Unsigned<'revocation'>> = {},
  signer: Signer = operator,
): Promise<Signed> =>
  signedSample('revocation', signer, { epoch, id: testUuid(epoch % 2 ** 40), ...changes })
const revokeKey = (epoch: number, target: Signer, signer: Signer = operator): Promise<Signed> =>
  revoke(epoch, { kind: 'key', target: target.fingerprint }, signer)
/** Makes the grants from an operator over alice to bob, and the first of them alone. */
const grants = async (): Promise<[Signed, Signed]> => [
  await signedSample('grant', operator, { id: testUuid(60), subject: alice.fingerprint, depth: 2 }),
  await signedSample('grant', alice, {
    id: testUuid(61),
    subject: bob.fingerprint,
    parent: testUuid(60),
    depth: 1,
  }),
]
const chainOf = (signed: readonly Signed[]) =>
  signed.map((one) => ({ ...toText(one), scheme: 'sshsig' as const }))
const acceptAll = (
  signed: readonly Signed[],
  state: RevocationState = NOTHING_REVOKED,
): RevocationState => signed.reduce((sum, each) => acceptRevocation(sum, root, each), state)

describe('revocations', () => {
  test('an operator revokes a grant, a key and an agent', async () => {
    const state = acceptAll([
      await revoke(1),
      await revokeKey(2, stranger),
      await revoke(3, { kind: 'agent', target: TEST_AGENT }),
    ])
    assert.equal(state.epoch, 3)
    assert.ok(isKeyRevoked(state.accepted, stranger.fingerprint))
    assert.ok(isAgentRevoked(state.accepted, TEST_AGENT))
    assert.ok(!isKeyRevoked(state.accepted, operator.fingerprint))
    assert.ok(state.accepted.every((item) => item.byOperator))
  })

  test('ID-26: a replay of an old list changes nothing', async () => {
    const list = await Promise.all([1, 2, 3, 4].map((epoch) => revoke(epoch)))
    const state = acceptAll(list)
    assert.equal(acceptAll(list.slice(0, 2), state), state)
    assert.equal(acceptAll(list, state), state)
  })

  test('ID-26: another revocation with a known epoch is an error; the first stays', async () => {
    const state = acceptAll([await revoke(1), await revoke(2)])
    for (const fork of [await revoke(2, { target: testUuid(77) }), await revoke(2, {}, second)])
      assert.throws(() => acceptRevocation(state, root, fork), {
        code: 'trust.equivocation',
        message: /revocation epoch 2/,
      })
  })

  test('ID-27: rejects an epoch far ahead, which would make later ones look old', async () => {
    const state = acceptAll([await revoke(1)])
    for (const epoch of [2 + MAX_EPOCH_JUMP, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const signed = await revoke(epoch)
      assert.throws(() => acceptRevocation(state, root, signed), { code: 'trust.epoch' })
    }
    await assert.rejects(revoke(2 ** 53), MusterError)
    await assert.rejects(revoke(2 ** 64), MusterError)
    assert.equal(
      acceptRevocation(state, root, await revoke(1 + MAX_EPOCH_JUMP)).epoch,
      1 + MAX_EPOCH_JUMP,
    )
    assert.equal(state.epoch, 1)
  })

  test('reports missing epochs', async () => {
    const state = acceptAll([await revoke(5), await revoke(2)])
    assert.equal(state.epoch, 5)
    assert.deepEqual(missingEpochs(state), [1, 3, 4])
    // This is sent to a coordinator, which returns all later revocations.
    assert.deepEqual([completeEpoch(state), completeEpoch(NOTHING_REVOKED)], [0, 0])
    assert.equal(completeEpoch(acceptAll([await revoke(1)], state)), 2)
    assert.equal(
      completeEpoch(acceptAll([await revoke(1), await revoke(3), await revoke(4)], state)),
      5,
    )
    assert.deepEqual(missingEpochs(NOTHING_REVOKED), [])
  })

  test('a non-operator revokes no keys or agents, and grants only with a chain', async () => {
    const [first, second_] = await grants()
    for (const changes of [
      { kind: 'key' as const, target: operator.fingerprint },
      { kind: 'agent' as const, target: TEST_AGENT },
      {},
      { target: testUuid(61) },
      { target: testUuid(61), chain: chainOf([second_]) },
      { target: testUuid(61), chain: chainOf([first, second_]) },
    ]) {
      const signed = await revoke(1, changes, stranger)
      assert.throws(() => acceptRevocation(NOTHING_REVOKED, root, signed), {
        code: 'trust.revoker',
        exit: 'denied',
      })
    }
    const foreign = await revoke(1, { fleet: OTHER_FLEET })
    assert.throws(() => acceptRevocation(NOTHING_REVOKED, root, foreign), { code: 'trust.fleet' })
  })

  test('an issuer revokes the grants below with the chain as proof', async () => {
    const [first, onward] = await grants()
    const below = await signedSample('grant', bob, {
      id: testUuid(62),
      subject: stranger.fingerprint,
      parent: testUuid(61),
      depth: 0,
    })
    const flat = await signedSample('grant', bob, {
      id: testUuid(62),
      subject: stranger.fingerprint,
      parent: testUuid(61),
      depth: 1,
    })
    const good: [Signer, number, Signed[]][] = [
      [alice, 61, [first, onward]],
      [alice, 62, [first, onward, below]],
      [bob, 62, [first, onward, below]],
    ]
    for (const [by, target, chain] of good) {
      const state = acceptAll([
        await revoke(1, { target: testUuid(target), chain: chainOf(chain) }, by),
      ])
      assert.deepEqual(
        state.accepted.map((item) => item.byOperator),
        [false],
      )
    }
    const fromFormer = await revoke(
      1,
      { target: testUuid(61), chain: chainOf([first, onward]) },
      alice,
    )
    const later = { ...root, version: 2, operators: root.operators.slice(1) } as Root
    assert.throws(() => acceptRevocation(NOTHING_REVOKED, later, fromFormer), {
      code: 'trust.revoker',
    })
    assert.equal(
      acceptRevocation(NOTHING_REVOKED, later, fromFormer, [operator.fingerprint]).epoch,
      1,
    )

    const own = await signedSample('grant', stranger, {
      id: testUuid(61),
      subject: bob.fingerprint,
    })
    const posing = await signedSample('grant', stranger, {
      id: testUuid(61),
      subject: bob.fingerprint,
      parent: testUuid(60),
    })
    const forged = { ...onward, key: stranger.publicKey }
    const bad: [string, Signer, number, Signed[]][] = [
      ['trust.revoker', bob, 61, [first, onward]],
      ['trust.revoker', stranger, 61, [own]],
      ['trust.revoker', stranger, 61, [first, posing]],
      ['trust.revoker', alice, 61, [onward]],
      ['trust.revoker', alice, 60, [first, onward]],
      ['trust.revoker', alice, 61, [onward, first]],
      ['trust.revoker', stranger, 62, [first, onward, below]],
      // A delegation must have a smaller depth.
      ['trust.revoker', bob, 62, [first, onward, flat]],
      ['trust.signature', alice, 61, [first, forged]],
      [
        'trust.fleet',
        stranger,
        61,
        [await signedSample('grant', stranger, { id: testUuid(61), fleet: OTHER_FLEET })],
      ],
      ['trust.type', alice, 61, [await revoke(9)]],
    ]
    for (const [code, by, target, chain] of bad) {
      const signed = await revoke(1, { target: testUuid(target), chain: chainOf(chain) }, by)
      assert.throws(
        () => acceptRevocation(NOTHING_REVOKED, root, signed),
        { code },
        `${code} ${target} ${chain.length}`,
      )
    }
    await assert.rejects(
      revoke(1, { kind: 'agent', target: TEST_AGENT, chain: chainOf([first]) }),
      { code: 'trust.malformed' },
    )
    await assert.rejects(revoke(1, { target: testUuid(60), chain: [] }), {
      code: 'trust.malformed',
    })
  })

  test('ID-29: a chain is limited to the maximum of delegations', async () => {
    const [first, onward] = await grants()
    const five = chainOf([first, onward, onward, onward, onward])
    await assert.rejects(revoke(1, { target: testUuid(61), chain: five }, alice), {
      code: 'trust.malformed',
      message: /chain/,
    })
    const four = await revoke(1, { target: testUuid(61), chain: five.slice(0, 4) }, alice)
    assert.throws(() => acceptRevocation(NOTHING_REVOKED, root, four), { code: 'trust.revoker' })
  })

  test('ID-26: an unauthorised revocation does not occupy its epoch', async () => {
    let state = acceptAll([await revoke(1)])
    for (const squat of [
      await revoke(2, {}, stranger),
      await revoke(1, { target: testUuid(5) }, stranger),
    ])
      assert.throws(() => acceptRevocation(state, root, squat), { code: 'trust.revoker' })
    // A revocation by a revoked key doesn't, either, even if its epoch is far ahead.
    state = acceptAll([await revokeKey(2, second)], state)
    const ahead = await revoke(9, {}, second)
    assert.throws(() => acceptRevocation(state, root, ahead), { code: 'trust.revoked' })
    state = acceptAll([await revokeKey(9, stranger), await revoke(3)], state)
    assert.deepEqual(
      state.known.map((item) => item.revocation.epoch),
      [1, 2, 3, 9],
    )
  })

  test('ID-26: an epoch taken by a revoked key is free once that is certain', async () => {
    const squat = await revoke(4, {}, second)
    const early = acceptAll([await revoke(1), squat])
    // Epoch 2 isn't known yet. It could make the revocation of the key that used epoch 3 void.
    const between = acceptAll([await revokeKey(3, second)], early)
    assert.deepEqual([between.known.length, between.accepted.length], [3, 2])
    const certain = acceptAll([await revoke(2)], between)
    assert.deepEqual(missingEpochs(certain), [4])
    const genuine = acceptAll([await revokeKey(4, stranger)], certain)
    assert.ok(isKeyRevoked(genuine.accepted, stranger.fingerprint))
    assert.throws(() => acceptRevocation(genuine, root, squat), { code: 'trust.revoked' })
  })

  test('of two operators who revoke each other the earlier epoch wins', async () => {
    const state = acceptAll([await revokeKey(1, second)])
    const late = await revokeKey(2, operator, second)
    assert.throws(() => acceptRevocation(state, root, late), { code: 'trust.revoked' })
    assert.ok(!isKeyRevoked(state.accepted, operator.fingerprint))
    // The later epoch arrived first. It becomes void when the earlier one is known.
    const other = acceptAll([late, await revokeKey(1, second)])
    assert.deepEqual(other.accepted, state.accepted)
  })

  test('revocations of a replaced operator stay valid', async () => {
    const next = { ...root, version: 2, operators: root.operators.slice(1) } as Root
    const signed = await revokeKey(1, stranger)
    assert.throws(() => acceptRevocation(NOTHING_REVOKED, next, signed), { code: 'trust.revoker' })
    const state = acceptRevocation(NOTHING_REVOKED, next, signed, [operator.fingerprint])
    assert.ok(isKeyRevoked(state.accepted, stranger.fingerprint))
  })

  test('the final state does not depend on the order of arrival', async () => {
    const pool = await Promise.all([
      revoke(1),
      revokeKey(2, stranger),
      revokeKey(3, second),
      revokeKey(4, operator, second),
      revoke(5, { target: testUuid(50) }, second),
      revoke(6, { kind: 'agent', target: TEST_AGENT }),
      revokeKey(7, operator),
      revoke(8, { target: testUuid(80) }),
    ])
    const settle = (order: readonly Signed[]): unknown => {
      let state = NOTHING_REVOKED
      for (const signed of order)
        try {
          state = acceptRevocation(state, root, signed)
        } catch (error) {
          assert.ok(error instanceof MusterError && error.code === 'trust.revoked', String(error))
        }
      return state.accepted.map((item) => item.revocation.epoch)
    }
    fc.assert(
      fc.property(fc.shuffledSubarray(pool, { minLength: pool.length }), (order) =>
        assert.deepEqual(settle(order), [1, 2, 3, 6, 7]),
      ),
      { numRuns: 40 },
    )
  })
})
