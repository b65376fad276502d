/**
 * Verifies Ed25519 with the same rules on every platform: RFC 8032 section 5.1.7 without the
 * cofactor. Before the platform's library is called, it rejects
 * - keys and signatures of the wrong length;
 * - keys A and commitments R with a non-canonical encoding (y ≥ p, or x = 0 with the sign bit);
 * - keys A and commitments R of small order (some libraries verify any message with such a key);
 * - S ≥ L (a second signature could be derived from the first). "Taming the many EdDSAs" (Chalkias,
 *   Garillot, Nikolaenko, 2020) calls this strict; it is `verify_strict` of ed25519-dalek.
 */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

export const PUBLIC_KEY_BYTES = 32
export const SEED_BYTES = 32
export const SIGNATURE_BYTES = 64

/**
 * The DER bytes before the key (RFC 8410): SubjectPublicKeyInfo and PrivateKeyInfo of id-Ed25519.
 */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * The y coordinates, little endian and without the sign bit, of the points of order 1, 2, 4 and 8.
 * Non-canonical encodings (y + p) fail the canonical check.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000', // order 1: (0, 1)
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // order 2: (0, -1)
  '0000000000000000000000000000000000000000000000000000000000000000', // order 4: (±sqrt(-1), 0)
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', // order 8
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', // order 8
])

/** L, the order of the base point (RFC 8032 section 5.1), little endian. */
const GROUP_ORDER = Buffer.from(
  'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010',
  'hex',
)
/** p = 2^255 - 19, little endian. */
const FIELD_PRIME = Buffer.from(
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'hex',
)

/**
 * Returns true if the little-endian number `a` is less than `b`. Both have 32 bytes. Use it only
 * for public values, because it is not constant-time.
 */
function lessThan(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

/**
 * Returns the reason why these 32 bytes are invalid as a key or a commitment. Undefined if they are
 * valid. Doesn't check that they are a point of the curve.
 */
function badPoint(bytes: Uint8Array): string | undefined {
  const y = Buffer.from(bytes)
  y[31] = (y[31] ?? 0) & 0x7f
  if (!lessThan(y, FIELD_PRIME)) return 'its encoding is not canonical'
  // Points with x = 0 have order 1 or 2. They are rejected here with either sign bit.
  if (SMALL_ORDER_Y.has(y.toString('hex'))) return 'it is a point of small order'
  return undefined
}

/**
 * Returns the reason why `bytes` is not a valid ed25519 public key. Undefined if it is valid. Also
 * checks that it is a point of the curve.
 */
export function publicKeyFault(bytes: Uint8Array): string | undefined {
  if (bytes.length !== PUBLIC_KEY_BYTES)
    return `it has ${bytes.length} bytes instead of ${PUBLIC_KEY_BYTES}`
  const name = Buffer.from(bytes).toString('latin1')
  if (goodKeys.has(name)) return undefined
  const fault = badPoint(bytes) ?? (isOnCurve(bytes) ? undefined : 'it is not a point of the curve')
  if (fault === undefined) {
    if (goodKeys.size >= MAX_GOOD_KEYS) goodKeys.clear()
    goodKeys.add(name)
  }
  return fault
}

/**
 * The cache of valid keys. The check of a key takes longer than the check of a signature, and a log
 * contains few keys many times. 4096 keys take 256 KiB, and then the cache is cleared.
 */
const goodKeys = new Set<string>()
const MAX_GOOD_KEYS = 4096

const P = 2n ** 255n - 19n
/** d of the curve -x² + y² = 1 + d x² y² (RFC 8032 section 5.1). */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

/**
 * Returns true if there is an x for this y: (y² - 1) / (d y² + 1) is a square. It applies Euler's
 * criterion to u·v, which is a square exactly if u/v is one.
 */
function isOnCurve(bytes: Uint8Array): boolean {
  const big = Buffer.from(bytes).reverse()
  big[0] = (big[0] ?? 0) & 0x7f
  const y = BigInt(`0x${big.toString('hex')}`)
  const y2 = (y * y) % P
  const product = (((y2 + P - 1n) % P) * ((D * y2 + 1n) % P)) % P
  return product === 0n || power(product, (P - 1n) / 2n) === 1n
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = base, left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return result
}

/**
 * Returns whether `signature` is a valid ed25519 signature by `publicKey` over `bytes`, by the
 * rules above. Never throws.
 */
export function verifyEd25519(
  publicKey: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  if (badPoint(publicKey) !== undefined || badPoint(signature.subarray(0, 32)) !== undefined)
    return false
  if (!lessThan(signature.subarray(32), GROUP_ORDER)) return false
  try {
    return verify(null, bytes, publicKeyObject(publicKey), signature)
  } catch {
    // OpenSSL fails to import some strings that aren't a point. It imports other ones, but never
    // verifies a signature with them.
    return false
  }
}

export function publicKeyObject(publicKey: Uint8Array): KeyObject {
  return createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, publicKey]),
    format: 'der',
    type: 'spki',
  })
}

/** Creates the private key of a 32-byte seed (RFC 8032 section 5.1.5). */
export function privateKeyObject(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } finally {
    der.fill(0)
  }
}

/** Returns the public key (32 bytes) of a private or public key object. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const object = key.type === 'private' ? createPublicKey(key) : key
  return new Uint8Array(object.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length))
}

export function signEd25519(privateKey: KeyObject, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, bytes, privateKey))
}
