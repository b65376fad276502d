/**
 * Tests peer ids as text: known pairs, and rejection of other text. The comparison with libp2p is
 * in node/, which may import libp2p.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MusterError } from '../errors.ts'
import { keyOfPeerId, peerIdOfKey } from './peer-id.ts'
import { keyFromSeed } from './signer.ts'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

/**
 * The public keys and ids that @libp2p/peer-id 6.0.15 printed for the keys of the seeds 00…, 01…,
 * 07… and ff….
 */
const PAIRS: readonly (readonly [string, string])[] = [
  [
    '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29',
    '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN',
  ],
  [
    '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
    '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
  ],
  [
    'ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c',
    '12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7',
  ],
  [
    '76a1592044a6e4f511265bca73a604d90b0529d1df602be30a19a9257660d1f5',
    '12D3KooWHoSyTgntm77sXShoeX9uNkqKNMhHxKtskaHqnA54SrSG',
  ],
]

test('converts known keys and peer ids in both directions', () => {
  for (const [key, id] of PAIRS) {
    assert.equal(peerIdOfKey(hex(key)), id)
    assert.deepEqual(keyOfPeerId(id), hex(key))
  }
})

test('every key has a peer id of 52 characters that converts back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
      const { publicKey } = keyFromSeed(seed)
      const id = peerIdOfKey(publicKey)
      assert.match(id, /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/)
      assert.deepEqual(keyOfPeerId(id), publicKey)
    }),
    { numRuns: 100 },
  )
})

test('ID-03: rejects a peer id with a small-order key', () => {
  const identity = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
  assert.throws(() => peerIdOfKey(identity), { code: 'identity.public-key' })
  assert.throws(() => keyOfPeerId('12D3KooW9tGaPdJo5jmCpadQ971nfiq4kLcQjeBPYTfutBTtckPH'), {
    code: 'identity.peer-id',
    message: /small order/,
  })
})

test('rejects peer ids of other key types, lengths and alphabets', () => {
  const [, id] = PAIRS[0] as readonly [string, string]
  for (const bad of [
    '',
    id.slice(1),
    `${id}1`,
    id.replace('K', '0'),
    id.replace('12D3', '22D3'),
    'z'.repeat(52),
    '1'.repeat(52),
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    '16Uiu2HAm4v86W3bmT1BiH6oSPzcsSr24iDQpSN5Qa992BCjjwgrD',
    'x'.repeat(100_000),
  ])
    assert.throws(() => keyOfPeerId(bad), { code: 'identity.peer-id' })
  fc.assert(
    fc.property(fc.nat(51), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
      const changed = `${id.slice(0, at)}${character}${id.slice(at + 1)}`
      try {
        assert.equal(peerIdOfKey(keyOfPeerId(changed)), changed)
      } catch (error) {
        assert.ok(error instanceof MusterError && error.code === 'identity.peer-id', String(error))
      }
    }),
  )
})
