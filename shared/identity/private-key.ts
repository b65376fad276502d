/**
 * Reads and writes OpenSSH private key files (OpenSSH PROTOCOL.key, `-----BEGIN OPENSSH PRIVATE
 * KEY-----`) with one ed25519 key, plain or encrypted. The whole file must be valid: one key, equal
 * check integers, a public half that matches the private half, the comment, the padding 1, 2, 3, …,
 * and no bytes after it. Decrypted bytes are overwritten before the reader returns.
 */
import type { Random } from '../random.ts'
import { PUBLIC_KEY_BYTES, SEED_BYTES } from './ed25519.ts'
import { identityError } from './errors.ts'
import {
  BLOCK_BYTES,
  cipherTagBytes,
  decryptPrivatePart,
  encryptPrivatePart,
} from './private-key-cipher.ts'
import { KEY_TYPE, parsePublicKeyBlob, publicKeyBlob } from './public-key.ts'
import { keyFromSeed, type NodeKey } from './signer.ts'
import { readSsh, SshWireEnd, sshString, sshUint32 } from './ssh-wire.ts'

const BEGIN = '-----BEGIN OPENSSH PRIVATE KEY-----'
const END = '-----END OPENSSH PRIVATE KEY-----'
const MAGIC = Buffer.from('openssh-key-v1\0')
const LINE_WIDTH = 70
/** The default of ssh-keygen. */
const WRITE_ROUNDS = 16

/** The part of a private key file that can be read without its passphrase. */
export interface PrivateKeyFile {
  readonly publicKey: Uint8Array
  readonly encrypted: boolean
  /**
   * Returns the key. Blocks for up to two seconds if the file is encrypted.
   * @throws identity.encrypted without a required passphrase, identity.passphrase, identity.cipher,
   * identity.rounds, identity.private-key
   */
  unlock(passphrase?: string): NodeKey
}

/**
 * Parses a key file without decrypting it.
 * @param what the file's name, for errors
 * @throws identity.private-key for anything but one ed25519 key in OpenSSH format
 */
export function parsePrivateKey(text: string, what: string): PrivateKeyFile {
  const bytes = dearmor(text, what)
  return guarded(what, () => {
    const reader = readSsh(bytes)
    if (!MAGIC.equals(reader.raw(MAGIC.length)))
      throw bad(what, 'it does not begin with openssh-key-v1')
    const cipher = reader.name()
    const kdf = reader.name()
    const kdfOptions = reader.string()
    const count = reader.uint32()
    if (count !== 1) throw bad(what, `it contains ${count} keys, expected one`)
    const publicKey = parsePublicKeyBlob(reader.string(), what)
    const body = reader.string()
    const tag = reader.raw(reader.left())
    const encrypted = cipher !== 'none'
    if (encrypted !== (kdf !== 'none') || (!encrypted && kdfOptions.length > 0))
      throw bad(what, 'its cipher and its key derivation do not match')
    const unlock = (passphrase?: string): NodeKey =>
      guarded(what, () => {
        const tagBytes = encrypted ? cipherTagBytes(cipher, what) : 0
        if (tag.length !== tagBytes)
          throw bad(what, `${tag.length} bytes follow the key, expected ${tagBytes}`)
        const block = encrypted ? BLOCK_BYTES.aes : BLOCK_BYTES.none
        if (body.length === 0 || body.length % block !== 0)
          throw bad(what, 'its private part is not a whole number of blocks')
        if (!encrypted) return readPrivatePart(body, publicKey, false, what)
        if (passphrase === undefined || passphrase === '')
          throw identityError('identity.encrypted', { what })
        const plain = decryptPrivatePart({ cipher, kdf, kdfOptions, body, tag }, passphrase, what)
        try {
          return readPrivatePart(plain, publicKey, true, what)
        } finally {
          plain.fill(0)
        }
      })
    return { publicKey, encrypted, unlock }
  })
}

function readPrivatePart(
  plain: Uint8Array,
  publicKey: Uint8Array,
  encrypted: boolean,
  what: string,
): NodeKey {
  const reader = readSsh(plain)
  if (reader.uint32() !== reader.uint32())
    throw encrypted
      ? identityError('identity.passphrase', { what })
      : bad(what, 'its check integers differ')
  const type = reader.name()
  if (type !== KEY_TYPE) throw bad(what, `its type is ${type}, expected ${KEY_TYPE}`)
  const inner = reader.string()
  const pair = reader.string()
  const comment = Buffer.from(reader.string()).toString()
  for (let i = 1; reader.left() > 0; i++)
    if (reader.byte() !== (i & 0xff)) throw bad(what, 'its padding is not 1, 2, 3, …')
  if (pair.length !== SEED_BYTES + PUBLIC_KEY_BYTES)
    throw bad(what, `its private half has ${pair.length} bytes`)
  const key = keyFromSeed(pair.subarray(0, SEED_BYTES), comment)
  // The file contains the public half three times. A signature with a public half that doesn't
  // match the seed would reveal the seed.
  for (const copy of [publicKey, inner, pair.subarray(SEED_BYTES)])
    if (!Buffer.from(copy).equals(key.publicKey))
      throw bad(what, 'its public half does not match its private half')
  return key
}

/** Returns the text of a private key file, plain or encrypted with aes256-ctr like ssh-keygen's. */
export function formatPrivateKey(
  deps: { random: Random },
  key: NodeKey,
  options: { passphrase?: string; comment?: string } = {},
): string {
  const check = deps.random.bytes(4)
  const fields = Buffer.concat([
    check,
    check,
    sshString(KEY_TYPE),
    sshString(key.publicKey),
    sshString(Buffer.concat([key.seed, key.publicKey])),
    sshString(options.comment ?? key.comment),
  ])
  const passphrase = options.passphrase === '' ? undefined : options.passphrase
  const block = passphrase === undefined ? BLOCK_BYTES.none : BLOCK_BYTES.aes
  const padding = Uint8Array.from(
    { length: (block - (fields.length % block)) % block },
    (_, i) => i + 1,
  )
  const plain = Buffer.concat([fields, padding])
  const salt = deps.random.bytes(16)
  const sealed =
    passphrase === undefined
      ? { cipher: 'none', body: plain }
      : encryptPrivatePart(plain, passphrase, salt, WRITE_ROUNDS)
  const bytes = Buffer.concat([
    MAGIC,
    sshString(sealed.cipher),
    sshString(passphrase === undefined ? 'none' : 'bcrypt'),
    sshString(
      passphrase === undefined ? '' : Buffer.concat([sshString(salt), sshUint32(WRITE_ROUNDS)]),
    ),
    sshUint32(1),
    sshString(publicKeyBlob(key.publicKey)),
    sshString(sealed.body),
  ])
  const base64 = bytes.toString('base64')
  for (const secret of passphrase === undefined ? [fields, plain, bytes] : [fields, plain])
    secret.fill(0)
  const lines = base64.match(new RegExp(`.{1,${LINE_WIDTH}}`, 'g')) ?? []
  return `${[BEGIN, ...lines, END].join('\n')}\n`
}

function dearmor(text: string, what: string): Uint8Array {
  const trimmed = text.trim()
  const other = /^-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(trimmed)?.[1]
  if (!trimmed.startsWith(BEGIN)) {
    const reason =
      other === undefined
        ? 'it is not an OpenSSH private key'
        : `it contains a ${other}, expected an OPENSSH PRIVATE KEY`
    throw bad(what, reason)
  }
  if (!trimmed.endsWith(END)) throw bad(what, 'it is truncated')
  const base64 = trimmed.slice(BEGIN.length, -END.length).replace(/\s+/g, '')
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw bad(what, 'its body is not base64')
  return bytes
}

function bad(what: string, reason: string): Error {
  return identityError('identity.private-key', { what, reason })
}

/** Converts errors of reading past the end or of an invalid public half to identity.private-key. */
function guarded<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof SshWireEnd)
      throw identityError('identity.private-key', { what, reason: 'it is truncated' }, { cause })
    if (identityError.is(cause, 'identity.public-key')) {
      throw identityError(
        'identity.private-key',
        { what, reason: String(cause.data['reason']) },
        { cause },
      )
    }
    throw cause
  }
}
