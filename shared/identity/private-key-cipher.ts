/**
 * Encrypts and decrypts OpenSSH private keys (OpenSSH PROTOCOL.key): bcrypt_pbkdf derives the key
 * and IV of an AES mode from the passphrase. It supports the AES modes that ssh-keygen wrote in the
 * last ten years. The error for any other cipher names it.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import bcrypt from 'bcrypt-pbkdf'
import { identityError } from './errors.ts'
import { readSsh } from './ssh-wire.ts'

interface Cipher {
  /** The name in node:crypto. */
  readonly algorithm:
    | 'aes-128-ctr'
    | 'aes-192-ctr'
    | 'aes-256-ctr'
    | 'aes-128-cbc'
    | 'aes-192-cbc'
    | 'aes-256-cbc'
    | 'aes-128-gcm'
    | 'aes-256-gcm'
  readonly keyBytes: number
  readonly ivBytes: number
  /** The number of bytes of the authentication tag after the encrypted part. */
  readonly tagBytes: number
}

const AES256_CTR: Cipher = { algorithm: 'aes-256-ctr', keyBytes: 32, ivBytes: 16, tagBytes: 0 }
const CIPHERS: Readonly<Record<string, Cipher>> = {
  'aes128-ctr': { algorithm: 'aes-128-ctr', keyBytes: 16, ivBytes: 16, tagBytes: 0 },
  'aes192-ctr': { algorithm: 'aes-192-ctr', keyBytes: 24, ivBytes: 16, tagBytes: 0 },
  'aes256-ctr': AES256_CTR,
  'aes128-cbc': { algorithm: 'aes-128-cbc', keyBytes: 16, ivBytes: 16, tagBytes: 0 },
  'aes192-cbc': { algorithm: 'aes-192-cbc', keyBytes: 24, ivBytes: 16, tagBytes: 0 },
  'aes256-cbc': { algorithm: 'aes-256-cbc', keyBytes: 32, ivBytes: 16, tagBytes: 0 },
  'aes128-gcm@openssh.com': { algorithm: 'aes-128-gcm', keyBytes: 16, ivBytes: 12, tagBytes: 16 },
  'aes256-gcm@openssh.com': { algorithm: 'aes-256-gcm', keyBytes: 32, ivBytes: 12, tagBytes: 16 },
}

/**
 * The maximum of `ssh-keygen -a`. Its default is 16, or 24 since OpenSSH 9.9, and some users choose
 * 100. A round blocks this thread for about 20 ms, and a malicious file may specify 2^31 rounds.
 */
export const MAX_BCRYPT_ROUNDS = 100
/** OpenSSH draws 16 bytes. */
const MAX_SALT_BYTES = 64
/** The block size to which the plain part is padded, for `none` and for all AES modes here. */
export const BLOCK_BYTES = { none: 8, aes: 16 } as const

export function cipherTagBytes(name: string, what: string): number {
  return cipherOf(name, what).tagBytes
}

function cipherOf(name: string, what: string): Cipher {
  const cipher = Object.hasOwn(CIPHERS, name) ? CIPHERS[name] : undefined
  if (cipher === undefined) throw identityError('identity.cipher', { what, cipher: name })
  return cipher
}

export interface Encrypted {
  readonly cipher: string
  readonly kdf: string
  readonly kdfOptions: Uint8Array
  readonly body: Uint8Array
  /** The authentication tag. Empty except for gcm. */
  readonly tag: Uint8Array
}

/**
 * Decrypts the private part. The caller must overwrite the result.
 * @param what the file, for errors
 * @throws identity.cipher, identity.rounds, identity.private-key; identity.passphrase only for gcm,
 * which authenticates
 * @throws SshWireEnd if the KDF options are truncated
 */
export function decryptPrivatePart(
  encrypted: Encrypted,
  passphrase: string,
  what: string,
): Uint8Array {
  const cipher = cipherOf(encrypted.cipher, what)
  if (encrypted.kdf !== 'bcrypt')
    throw identityError('identity.private-key', {
      what,
      reason: `its key derivation is ${encrypted.kdf}, expected bcrypt`,
    })
  const options = readSsh(encrypted.kdfOptions)
  const salt = options.string()
  const rounds = options.uint32()
  if (options.left() !== 0 || salt.length === 0 || salt.length > MAX_SALT_BYTES || rounds === 0)
    throw identityError('identity.private-key', {
      what,
      reason: 'its key derivation options are invalid',
    })
  if (rounds > MAX_BCRYPT_ROUNDS)
    throw identityError('identity.rounds', { what, rounds, limit: MAX_BCRYPT_ROUNDS })
  const secret = derive(cipher, passphrase, salt, rounds)
  try {
    const key = secret.subarray(0, cipher.keyBytes)
    const iv = secret.subarray(cipher.keyBytes)
    const decipher =
      cipher.tagBytes > 0
        ? createDecipheriv(cipher.algorithm as 'aes-256-gcm', key, iv).setAuthTag(encrypted.tag)
        : createDecipheriv(cipher.algorithm, key, iv)
    decipher.setAutoPadding(false)
    const plain = decipher.update(encrypted.body)
    try {
      return Buffer.concat([plain, decipher.final()])
    } catch (cause) {
      throw identityError('identity.passphrase', { what }, { cause })
    } finally {
      plain.fill(0)
    }
  } finally {
    secret.fill(0)
  }
}

/** Encrypts a private part with aes256-ctr, as ssh-keygen does. */
export function encryptPrivatePart(
  body: Uint8Array,
  passphrase: string,
  salt: Uint8Array,
  rounds: number,
): { cipher: string; body: Uint8Array } {
  const cipher = AES256_CTR
  const secret = derive(cipher, passphrase, salt, rounds)
  try {
    const encipher = createCipheriv(
      cipher.algorithm,
      secret.subarray(0, cipher.keyBytes),
      secret.subarray(cipher.keyBytes),
    )
    return { cipher: 'aes256-ctr', body: Buffer.concat([encipher.update(body), encipher.final()]) }
  } finally {
    secret.fill(0)
  }
}

/** Returns key and IV, concatenated. The caller must overwrite them. */
function derive(cipher: Cipher, passphrase: string, salt: Uint8Array, rounds: number): Uint8Array {
  const password = Buffer.from(passphrase)
  const secret = Buffer.alloc(cipher.keyBytes + cipher.ivBytes)
  try {
    if (
      bcrypt.pbkdf(password, password.length, salt, salt.length, secret, secret.length, rounds) !==
      0
    )
      throw identityError('identity.private-key', {
        what: 'the key',
        reason: 'its passphrase is empty',
      })
    return secret
  } finally {
    password.fill(0)
  }
}
