/** shared/identity writes peer ids without libp2p. They must equal the ids that libp2p writes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import fc from 'fast-check'
import { keyOfPeerId, peerIdOfKey } from '../shared/identity/peer-id.ts'
import { keyFromSeed } from '../shared/identity/signer.ts'

test('peer ids are converted as by libp2p, in both directions', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
      const { publicKey } = keyFromSeed(seed)
      const theirs = peerIdFromPublicKey(publicKeyFromRaw(publicKey))
      assert.equal(peerIdOfKey(publicKey), theirs.toString())
      assert.deepEqual(keyOfPeerId(theirs.toString()), publicKey)
      assert.deepEqual(peerIdFromString(peerIdOfKey(publicKey)).publicKey?.raw, publicKey)
    }),
    { numRuns: 50 },
  )
})
