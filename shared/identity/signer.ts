/**
 * An ed25519 key that can sign. Its private half is in memory ({@link NodeKey}) or in an ssh-agent.
 */
import type { Fingerprint } from '../ids.ts'
import type { Random } from '../random.ts'
import { privateKeyObject, rawPublicKey, SEED_BYTES, signEd25519 } from './ed25519.ts'
import { identityError } from './errors.ts'
import { fingerprintOf } from './fingerprint.ts'

export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  readonly fingerprint: Fingerprint
  readonly comment: string
  /**
   * Returns a 64-byte signature over `bytes`. An ssh-agent may prompt its user first. Throws
   * identity.agent if the agent refuses or doesn't run any more.
   */
  sign(bytes: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>
}

/**
 * A key whose private half is in this process: a node key, an issuing key, a session key, or an
 * operator key from a file.
 */
export interface NodeKey extends Signer {
  /** The 32-byte private seed (RFC 8032 section 5.1.5). Secret. */
  readonly seed: Uint8Array
}

export function generateKey(deps: { random: Random }, options: { comment?: string } = {}): NodeKey {
  return keyFromSeed(deps.random.bytes(SEED_BYTES), options.comment)
}

/** Creates the key of a 32-byte seed. It keeps a copy of the seed. */
export function keyFromSeed(seed: Uint8Array, comment = ''): NodeKey {
  if (seed.length !== SEED_BYTES)
    throw identityError('identity.private-key', {
      what: 'the seed',
      reason: `it has ${seed.length} bytes instead of ${SEED_BYTES}`,
    })
  const privateKey = privateKeyObject(seed)
  const publicKey = rawPublicKey(privateKey)
  const key: NodeKey = {
    publicKey,
    fingerprint: fingerprintOf(publicKey),
    comment,
    seed: new Uint8Array(seed),
    sign: async (bytes, signal) => {
      signal?.throwIfAborted()
      return signEd25519(privateKey, bytes)
    },
  }
  // The seed is not enumerable, because logging, spreading or comparing a key must not reveal it.
  return Object.defineProperty(key, 'seed', { enumerable: false })
}
