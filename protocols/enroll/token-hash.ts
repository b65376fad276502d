/**
 * Hashes a token's secret. Only the command that creates the token and the host that uses it have
 * the secret. All other places have this hash.
 */
import { createHash } from 'node:crypto'

/**
 * SHA-256 of the secret, 64 hex digits. The secret has 256 random bits, so a slow hash is not
 * needed.
 */
export function tokenHash(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex')
}
