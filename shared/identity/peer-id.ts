/**
 * Converts an ed25519 key to its libp2p peer id and back, without libp2p: base58btc of the identity
 * multihash of the key's protobuf (libp2p specs, peer-ids). The command line and the verifiers need
 * ids, but no network stack.
 */
import { identityError } from './errors.ts'
import { PUBLIC_KEY_BYTES, publicKeyFault } from './ed25519.ts'

/**
 * Identity multihash (code 0, length 36) of PublicKey { Type: Ed25519 (field 1 = 1), Data: 32 bytes
 * (field 2) }.
 */
const PREFIX = Uint8Array.from([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/**
 * The number of characters of every ed25519 peer id. It is constant, because the prefix determines
 * the first digits.
 */
const PEER_ID_CHARACTERS = 52

/** Returns the id `12D3KooW…` of a 32-byte ed25519 public key. */
export function peerIdOfKey(publicKey: Uint8Array): string {
  const fault = publicKeyFault(publicKey)
  if (fault !== undefined)
    throw identityError('identity.public-key', { what: 'the key of a peer', reason: fault })
  return toBase58(Buffer.concat([PREFIX, publicKey]))
}

/**
 * Returns the 32-byte public key of an ed25519 peer id.
 * @throws identity.peer-id for other key types, other lengths, wrong characters and keys of small
 * order
 */
export function keyOfPeerId(text: string): Uint8Array {
  const bad = (reason: string): Error =>
    identityError('identity.peer-id', { got: text.slice(0, 80), reason })
  if (text.length !== PEER_ID_CHARACTERS)
    throw bad(`it has ${text.length} characters instead of ${PEER_ID_CHARACTERS}`)
  const bytes = fromBase58(text, PREFIX.length + PUBLIC_KEY_BYTES)
  if (bytes === undefined) throw bad('it is not base58')
  if (!PREFIX.every((byte, i) => bytes[i] === byte)) throw bad('it is of another key type')
  const publicKey = bytes.slice(PREFIX.length)
  const fault = publicKeyFault(publicKey)
  if (fault !== undefined) throw bad(fault)
  return publicKey
}

function toBase58(bytes: Uint8Array): string {
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (; number > 0n; number /= 58n) text = `${ALPHABET[Number(number % 58n)]}${text}`
  // Base58 writes each leading zero byte as a 1.
  for (let i = 0; bytes[i] === 0 && i < bytes.length; i++) text = `1${text}`
  return text
}

/**
 * Decodes `text` to `length` bytes. Returns undefined if a character is wrong, the number is too
 * large, or the encoding isn't canonical.
 */
function fromBase58(text: string, length: number): Uint8Array | undefined {
  let number = 0n
  for (const character of text) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return undefined
    number = number * 58n + BigInt(digit)
  }
  const hex = number.toString(16).padStart(length * 2, '0')
  if (hex.length !== length * 2) return undefined
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'))
  return toBase58(bytes) === text ? bytes : undefined
}
