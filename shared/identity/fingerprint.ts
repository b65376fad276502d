/** Computes the fingerprint of a key, as in `ssh-keygen -l`, for grants, logs and messages. */
import { createHash } from 'node:crypto'
import { type Fingerprint, fingerprint } from '../ids.ts'
import { publicKeyBlob } from './public-key.ts'

/**
 * Returns `SHA256:` and the 43 unpadded base64 characters of the SHA-256 of a key's SSH blob. The
 * key is a 32-byte ed25519 public key.
 */
export function fingerprintOf(publicKey: Uint8Array): Fingerprint {
  const digest = createHash('sha256').update(publicKeyBlob(publicKey)).digest('base64')
  return fingerprint.parse(`SHA256:${digest.slice(0, 43)}`)
}
