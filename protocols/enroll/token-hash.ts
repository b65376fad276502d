/**
 * The hash that replaces a token's secret everywhere, except on the terminal that drew it and on
 * the host that uses it.
 */
import { createHash } from 'node:crypto'

/**
 * SHA-256 of the secret, 64 hex digits. The secret has 256 random bits, so a slow hash is not
 * needed.
 */
export function tokenHash(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex')
}
