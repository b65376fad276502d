/**
 * Parses and formats OpenSSH ed25519 public keys: the line in a `.pub` file and its blob (RFC 8709
 * section 4). It rejects keys of small order, with a non-canonical encoding, or not on the curve.
 */
import { publicKeyFault } from './ed25519.ts'
import { identityError } from './errors.ts'
import { readSsh, SshWireEnd, sshString } from './ssh-wire.ts'

export const KEY_TYPE = 'ssh-ed25519'

/** The maximum length of a key line. A line with a long comment is far shorter. */
const MAX_LINE_CHARACTERS = 8192

/** Returns the SSH key blob: string "ssh-ed25519", string key. */
export function publicKeyBlob(publicKey: Uint8Array): Uint8Array {
  return Buffer.concat([sshString(KEY_TYPE), sshString(publicKey)])
}

/**
 * Returns the 32-byte key of an SSH public key blob.
 * @param what the source of the blob, for errors
 * @throws identity.public-key for another type, trailing bytes, or a key that {@link
 * publicKeyFault} rejects
 */
export function parsePublicKeyBlob(blob: Uint8Array, what: string): Uint8Array {
  try {
    const reader = readSsh(blob)
    const type = reader.name()
    if (type !== KEY_TYPE)
      throw identityError('identity.public-key', {
        what,
        reason: `its type is ${type}, expected ${KEY_TYPE}`,
      })
    const key = new Uint8Array(reader.string())
    if (reader.left() !== 0)
      throw identityError('identity.public-key', {
        what,
        reason: `${reader.left()} bytes follow the key`,
      })
    return requirePublicKey(key, what)
  } catch (cause) {
    if (!(cause instanceof SshWireEnd)) throw cause
    throw identityError('identity.public-key', { what, reason: 'it is truncated' }, { cause })
  }
}

/** Returns `key` if it is a valid ed25519 public key. Otherwise throws identity.public-key. */
export function requirePublicKey(key: Uint8Array, what: string): Uint8Array {
  const reason = publicKeyFault(key)
  if (reason !== undefined) throw identityError('identity.public-key', { what, reason })
  return key
}

/**
 * Parses a line of a `.pub` file: `ssh-ed25519 AAAA… comment`.
 * @throws identity.public-key
 */
export function parsePublicKeyLine(
  line: string,
  what = 'the key line',
): { publicKey: Uint8Array; comment: string } {
  if (line.length > MAX_LINE_CHARACTERS)
    throw identityError('identity.public-key', {
      what,
      reason: `it is longer than ${MAX_LINE_CHARACTERS} characters`,
    })
  const text = line.trim()
  if (/[\r\n]/.test(text))
    throw identityError('identity.public-key', { what, reason: 'it has more than one line' })
  const match = /^([A-Za-z0-9@._-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*))?$/.exec(text)
  if (match === null)
    throw identityError('identity.public-key', {
      what,
      reason: `it is not a line of the form "${KEY_TYPE} AAAA… comment"`,
    })
  const [, type, base64 = '', comment = ''] = match
  if (type !== KEY_TYPE)
    throw identityError('identity.public-key', {
      what,
      reason: `its type is ${type}, expected ${KEY_TYPE}`,
    })
  return { publicKey: parsePublicKeyBlob(Buffer.from(base64, 'base64'), what), comment }
}

/**
 * Formats `ssh-ed25519 AAAA… comment` without a line end. Line breaks in the comment become blanks.
 */
export function formatPublicKeyLine(publicKey: Uint8Array, comment = ''): string {
  const line = `${KEY_TYPE} ${Buffer.from(publicKeyBlob(publicKey)).toString('base64')}`
  const flat = comment.replace(/[\r\n]+/g, ' ').trim()
  return flat === '' ? line : `${line} ${flat}`
}
