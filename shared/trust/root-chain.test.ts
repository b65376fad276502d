/**
 * Tests root statements: thresholds count operators, rotation needs the old and the new operators,
 * and a fork is an error.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Signer } from '../identity/signer.ts'
import {
  base64Key,
  OTHER_FLEET,
  sampleBody,
  signedSample,
  TEST_FLEET,
  testKey,
} from '../testing/statements.ts'
import { nextRoot, openRoot, openRootChain, rootDigest, type RootState } from './root-chain.ts'
import { acceptRevocation, NOTHING_REVOKED } from './revocations.ts'
import { operatorsOf } from './root.ts'
import { type Signed, signStatement, type Unsigned } from './signed.ts'

const [a, b, c, d] = [testKey(1), testKey(2), testKey(3), testKey(4)] as const
const rows = (...keys: Signer[]): { key: string; name: string }[] =>
  keys.map((key, i) => ({ key: base64Key(key), name: `operator ${i}` }))

type RootChanges = Partial<Unsigned<'root'>>
const signAll = (signers: readonly Signer[], changes: RootChanges): Promise<Signed[]> =>
  Promise.all(
    signers.map((signer) =>
      signStatement(signer, 'root', { ...sampleBody('root', a), ...changes }),
    ),
  )
/** Makes version 1 with operators a, b and c, of which two must sign. */
const first = async (): Promise<RootState> =>
  openRoot(await signAll([a, b], { operators: rows(a, b, c), threshold: 2 }))
const following = (
  state: RootState,
  signers: readonly Signer[],
  changes: RootChanges,
): Promise<Signed[]> =>
  signAll(signers, {
    version: state.root.version + 1,
    previous: state.digest,
    operators: rows(a, b, c),
    threshold: 2,
    ...changes,
  })

describe('root chain', () => {
  test('accepts one signature for a fleet of one operator', async () => {
    const signed = await signedSample('root', a)
    const state = openRoot([signed], { fleet: TEST_FLEET, digest: rootDigest(signed.statement) })
    assert.equal(state.root.version, 1)
    assert.deepEqual([...operatorsOf(state.root)], [a.fingerprint])
  })

  test('two of three operators must sign; two signatures of one count once', async () => {
    const changes = { operators: rows(a, b, c), threshold: 2 }
    assert.ok(openRoot(await signAll([a, c], changes)))
    assert.ok(openRoot(await signAll([a, b, c], changes)))
    for (const signers of [[a], [a, a, a], [a, d], [d, d]]) {
      const signatures = await signAll(signers, changes)
      assert.throws(() => openRoot(signatures), {
        code: 'trust.root',
        message: /of its operators signed it, expected 2/,
      })
    }
  })

  test('ID-04: a malleable copy of a signature does not count twice', async () => {
    const [signed] = await signAll([a], { operators: rows(a, b), threshold: 2 })
    assert.ok(signed)
    const L = 2n ** 252n + 27742317777372353535851937790883648493n
    const copy = Buffer.from(signed.signature)
    const s = BigInt(`0x${Buffer.from(copy.subarray(-32)).reverse().toString('hex')}`)
    Buffer.from((s + L).toString(16).padStart(64, '0'), 'hex')
      .reverse()
      .copy(copy, copy.length - 32)
    assert.throws(() => openRoot([signed, { ...signed, signature: copy }]), {
      code: 'trust.signature',
    })
  })

  test('rejects all if one signature is bad or over other bytes', async () => {
    const changes = { operators: rows(a, b, c), threshold: 2 }
    const good = await signAll([a, b], changes)
    const [otherBytes] = await signAll([c], { ...changes, threshold: 1 })
    assert.ok(good[0] && otherBytes)
    assert.throws(() => openRoot([...good, { ...good[0], key: c.publicKey } as Signed]), {
      code: 'trust.signature',
    })
    assert.throws(() => openRoot([...good, otherBytes]), {
      code: 'trust.root',
      message: /different bytes/,
    })
    assert.throws(() => openRoot([]), { code: 'trust.malformed' })
    assert.throws(() => openRoot(Array.from({ length: 129 }, () => good[0] as Signed)), {
      code: 'trust.malformed',
      message: /129 signatures/,
    })
  })

  test('rejects a root with another fingerprint or fleet than the pinned one', async () => {
    const signed = await signedSample('root', a)
    const stranger = await signedSample('root', d)
    assert.throws(() => openRoot([stranger], { digest: rootDigest(signed.statement) }), {
      code: 'trust.root',
      message: /its fingerprint is/,
    })
    assert.throws(() => openRoot([signed], { fleet: OTHER_FLEET }), { code: 'trust.fleet' })
  })

  test('accepts a later version alone only if its fingerprint is pinned', async () => {
    const one = await first()
    const signatures = await following(one, [a, b], {})
    const digest = rootDigest((signatures[0] as Signed).statement)
    assert.throws(() => openRoot(signatures), {
      code: 'trust.root',
      message: /without a chain from version 1/,
    })
    assert.equal(openRoot(signatures, { digest }).root.version, 2)
  })

  test('ID-28: rotation needs the threshold of the old root and of the new one', async () => {
    const one = await first()
    const changes = { operators: rows(c, d), threshold: 2 }
    assert.deepEqual(
      [...operatorsOf(nextRoot(one, await following(one, [a, c, d], changes)).root)],
      [c.fingerprint, d.fingerprint],
    )
    assert.throws(() => nextRoot(one, []), { code: 'trust.malformed' })
    await assert.rejects(async () => nextRoot(one, await following(one, [a, b], changes)), {
      message: /0 of its operators/,
    })
    await assert.rejects(async () => nextRoot(one, await following(one, [c, d], changes)), {
      message: /1 of the operators of version 1/,
    })
    await assert.rejects(
      async () =>
        nextRoot(one, await following(one, [d], { ...changes, operators: rows(d), threshold: 1 })),
      {
        message: /0 of the operators of version 1/,
      },
    )
  })

  test('a revoked operator does not count towards a new root', async () => {
    const one = await first()
    const signed = await signedSample('revocation', b, { kind: 'key', target: a.fingerprint })
    const { accepted } = acceptRevocation(NOTHING_REVOKED, one.root, signed)
    const byRevoked = await following(one, [a, b], {})
    assert.throws(() => nextRoot(one, byRevoked, accepted), {
      code: 'trust.root',
      message: /1 of the operators of version 1/,
    })
    assert.equal(nextRoot(one, await following(one, [b, c], {}), accepted).root.version, 2)
    // A chain that was accepted before stays valid.
    assert.equal(openRootChain([one.signatures, byRevoked]).root.version, 2)
  })

  test('each version must follow the one before and name it', async () => {
    const one = await first()
    const two = nextRoot(one, await following(one, [a, b], {}))
    await assert.rejects(async () => nextRoot(one, await following(one, [a, b], { version: 3 })), {
      message: /expected version 2/,
    })
    await assert.rejects(async () => nextRoot(two, await following(one, [a, b], { version: 3 })), {
      message: /it follows/,
    })
    await assert.rejects(
      async () => nextRoot(one, await following(one, [a, b], { fleet: OTHER_FLEET })),
      { code: 'trust.fleet' },
    )
    // A replay of an old version changes nothing.
    assert.throws(() => nextRoot(two, one.signatures), {
      code: 'trust.root',
      message: /expected version 3/,
    })
    assert.equal(
      openRootChain([one.signatures, two.signatures], { digest: one.digest }).digest,
      two.digest,
    )
    assert.throws(() => openRootChain([], {}), { code: 'trust.malformed' })
  })

  test('ID-26: another statement with a known version is an error', async () => {
    const one = await first()
    const two = nextRoot(one, await following(one, [a, b], {}))
    await assert.rejects(
      async () => nextRoot(two, await following(one, [b, c], { threshold: 1 })),
      { code: 'trust.equivocation' },
    )
  })

  test('remembers replaced operators as former ones', async () => {
    const one = await first()
    const two = nextRoot(one, await following(one, [b, c], { operators: rows(b, c, d) }))
    assert.deepEqual(two.former, [a.fingerprint])
    const three = nextRoot(
      two,
      await following(two, [b, d, a], { operators: rows(a, d), threshold: 1 }),
    )
    assert.deepEqual([...three.former].sort(), [b.fingerprint, c.fingerprint].sort())
  })

  test('rejects duplicate keys, keys in two roles, or too few for the threshold', async () => {
    for (const changes of [
      { operators: rows(a, a) },
      { operators: rows(a, b), issuers: rows(b) },
      { threshold: 2 },
      { threshold: 0 },
      { operators: [] },
      { issuers: [] },
      { version: 2 },
      { version: 0 },
      { previous: rootDigest(Buffer.from('x')) },
    ])
      await assert.rejects(
        signAll([a], changes),
        { code: 'trust.malformed' },
        JSON.stringify(changes),
      )
  })
})
