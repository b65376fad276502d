/**
 * Makes and verifies SSHSIG signatures (OpenSSH PROTOCOL.sshsig) with ed25519, binary and armored,
 * like `ssh-keygen -Y sign` and `-Y verify`. A signature is valid only in its namespace, so one for
 * `git` or `file` isn't valid for `muster`.
 */
import { createHash } from 'node:crypto'
import { SIGNATURE_BYTES, verifyEd25519 } from './ed25519.ts'
import { identityError } from './errors.ts'
import { KEY_TYPE, parsePublicKeyBlob, publicKeyBlob } from './public-key.ts'
import type { Signer } from './signer.ts'
import { readSsh, SshWireEnd, sshString, sshUint32 } from './ssh-wire.ts'

/** `muster` for operators' intents, `muster-root` for root statements and root decisions. */
export type SshsigNamespace = 'muster' | 'muster-root'

const MAGIC = Buffer.from('SSHSIG')
const VERSION = 1
const HASHES = ['sha256', 'sha512'] as const
/** The default of ssh-keygen. */
const DEFAULT_HASH = 'sha512'
/** The maximum size. An ed25519 signature has about 180 bytes, or 300 in armored form. */
const MAX_BYTES = 8 * 1024

const ARMOR_BEGIN = '-----BEGIN SSH SIGNATURE-----'
const ARMOR_END = '-----END SSH SIGNATURE-----'
/** The number of base64 characters in a line, as in ssh-keygen's output. */
const ARMOR_WIDTH = 70

/** Signs `message` and returns the binary form. */
export async function signSshsig(
  signer: Signer,
  namespace: string,
  message: Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (namespace === '') throw identityError('identity.sshsig', { reason: 'the namespace is empty' })
  const empty = new Uint8Array(0)
  const signature = await signer.sign(signedData(namespace, empty, DEFAULT_HASH, message), signal)
  return Buffer.concat([
    MAGIC,
    sshUint32(VERSION),
    sshString(publicKeyBlob(signer.publicKey)),
    sshString(namespace),
    sshString(empty),
    sshString(DEFAULT_HASH),
    sshString(Buffer.concat([sshString(KEY_TYPE), sshString(signature)])),
  ])
}

/** Returns the bytes that the key signs: the hash of the message, and all other fields in full. */
function signedData(
  namespace: string,
  reserved: Uint8Array,
  hash: string,
  message: Uint8Array,
): Uint8Array {
  const digest = createHash(hash).update(message).digest()
  return Buffer.concat([
    MAGIC,
    sshString(namespace),
    sshString(reserved),
    sshString(hash),
    sshString(digest),
  ])
}

export interface Sshsig {
  readonly publicKey: Uint8Array
  readonly namespace: string
  readonly reserved: Uint8Array
  readonly hash: (typeof HASHES)[number]
  /** 64 bytes. */
  readonly signature: Uint8Array
}

/**
 * Parses a binary signature without verifying it.
 * @throws identity.sshsig for anything but a version 1 ed25519 signature with a namespace, sha256
 * or sha512 and no trailing bytes
 */
export function parseSshsig(bytes: Uint8Array): Sshsig {
  const bad = (reason: string, cause?: unknown): Error =>
    identityError('identity.sshsig', { reason }, { cause })
  if (bytes.length > MAX_BYTES) throw bad(`it is larger than ${MAX_BYTES} bytes`)
  try {
    const reader = readSsh(bytes)
    if (!MAGIC.equals(reader.raw(MAGIC.length))) throw bad('it does not begin with SSHSIG')
    const version = reader.uint32()
    if (version !== VERSION) throw bad(`its version is ${version}, expected ${VERSION}`)
    const publicKey = parsePublicKeyBlob(reader.string(), 'the signing key')
    const namespace = Buffer.from(reader.string()).toString('latin1')
    if (namespace === '') throw bad('its namespace is empty')
    // PROTOCOL.sshsig: "implementations should ignore the reserved field if it is not empty". It is
    // signed, so it is kept.
    const reserved = new Uint8Array(reader.string())
    const name = reader.name()
    const hash = HASHES.find((known) => known === name)
    if (hash === undefined) throw bad(`its hash is ${name}, expected ${HASHES.join(' or ')}`)
    const inner = readSsh(reader.string())
    if (reader.left() !== 0) throw bad(`${reader.left()} bytes follow the signature`)
    const algorithm = inner.name()
    if (algorithm !== KEY_TYPE) throw bad(`its algorithm is ${algorithm}, expected ${KEY_TYPE}`)
    const signature = new Uint8Array(inner.string())
    if (inner.left() !== 0 || signature.length !== SIGNATURE_BYTES)
      throw bad(`the inner signature is not ${SIGNATURE_BYTES} bytes`)
    return { publicKey, namespace, reserved, hash, signature }
  } catch (cause) {
    if (!(cause instanceof SshWireEnd)) throw cause
    throw bad('it is truncated', cause)
  }
}

/**
 * Verifies a binary signature over `message` in `namespace`.
 * @returns the key that signed; the caller decides what that key may sign
 * @throws identity.sshsig, identity.public-key
 */
export function verifySshsig(
  bytes: Uint8Array,
  namespace: string,
  message: Uint8Array,
): { publicKey: Uint8Array } {
  const parsed = parseSshsig(bytes)
  if (parsed.namespace !== namespace)
    throw identityError('identity.sshsig', {
      reason:
        `its namespace is ${JSON.stringify(parsed.namespace.slice(0, 64))}, ` +
        `expected ${namespace}`,
    })
  if (
    !verifyEd25519(
      parsed.publicKey,
      signedData(namespace, parsed.reserved, parsed.hash, message),
      parsed.signature,
    )
  )
    throw identityError('identity.sshsig', {
      reason: 'it does not match these bytes and this key',
    })
  return { publicKey: parsed.publicKey }
}

/**
 * Returns the text form, as `ssh-keygen -Y sign` writes it to a `.sig` file, with a final line end.
 */
export function armorSshsig(bytes: Uint8Array): string {
  const base64 = Buffer.from(bytes).toString('base64')
  const lines = Array.from({ length: Math.ceil(base64.length / ARMOR_WIDTH) }, (_, i) =>
    base64.slice(i * ARMOR_WIDTH, (i + 1) * ARMOR_WIDTH),
  )
  return `${[ARMOR_BEGIN, ...lines, ARMOR_END].join('\n')}\n`
}

/**
 * Returns the binary form of an armored signature. Line ends may be LF or CRLF, and lines may have
 * any width. Only blanks may be around it.
 * @throws identity.sshsig
 */
export function dearmorSshsig(text: string): Uint8Array {
  if (text.length > MAX_BYTES * 2)
    throw identityError('identity.sshsig', {
      reason: `it is longer than ${MAX_BYTES * 2} characters`,
    })
  const trimmed = text.trim()
  if (
    !trimmed.startsWith(ARMOR_BEGIN) ||
    !trimmed.endsWith(ARMOR_END) ||
    trimmed.length < ARMOR_BEGIN.length + ARMOR_END.length
  )
    throw identityError('identity.sshsig', {
      reason: `it is not framed by ${ARMOR_BEGIN} and ${ARMOR_END}`,
    })
  const base64 = trimmed.slice(ARMOR_BEGIN.length, -ARMOR_END.length).replace(/[ \t\r\n]/g, '')
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64)
    throw identityError('identity.sshsig', { reason: 'its body is not base64' })
  return new Uint8Array(bytes)
}
