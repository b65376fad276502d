/**
 * Masks secrets in logs, error reports and `config show`. It masks the exact secrets that the
 * program registered, and the common forms of secrets. It works on the finished text, so it also
 * masks a secret inside a foreign error message or a nested cause.
 */
export interface Redactor {
  /**
   * Masks this text from now on. Ignores texts with fewer than four characters, because masking
   * them would make all output unreadable.
   */
  protect(secret: string): void
  /** Returns the text with every known secret and every secret form masked. */
  text(text: string): string
}

export const MASK = '[secret]'

/**
 * The minimum length of a secret. Masking shorter texts would make the output useless and hide
 * little.
 */
const MIN_SECRET_LENGTH = 4
/**
 * The maximum number of secrets. They come from configuration files, so more would mean that other
 * values are protected by mistake.
 */
const MAX_SECRETS = 1000

const SHAPES: readonly (readonly [RegExp, string])[] = [
  // Private keys, PEM and OpenSSH, also truncated ones.
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    '[private key]',
  ],
  // The password of a URL: https://user:password@host, postgresql://user:password@host. The
  // password may contain an @.
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"']{0,255}:)[^\s/"']{1,1024}@/gi, `$1${MASK}@`],
  // Enrolment tokens. Before 0.2 tickets, which hold no secret, had the same form as tokens.
  [/\bmuster(1|-token1)-[a-z2-7]{16,}/gi, `muster$1-${MASK}`],
  [/\b(authorization"?\s*[:=]\s*"?(?:basic|bearer|digest)?\s*)[^\s",]{4,}/gi, `$1${MASK}`],
  [
    /\b((?:password|passwd|passphrase|secret|api[_-]?key|private[_-]?key)"?\s*[:=]\s*"?)[^\s"',}&]{4,}/gi,
    `$1${MASK}`,
  ],
]

export function createRedactor(): Redactor {
  const secrets = new Set<string>()
  return {
    protect: (secret) => {
      if (secret.length < MIN_SECRET_LENGTH || secrets.size >= MAX_SECRETS) return
      secrets.add(secret)
      // The escaped forms of the secret in JSON and in a URL are masked too.
      for (const form of [JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
        secrets.add(form)
    },
    text: (text) => {
      let masked = text
      for (const secret of secrets) masked = masked.replaceAll(secret, MASK)
      for (const [shape, replacement] of SHAPES) masked = masked.replace(shape, replacement)
      return masked
    },
  }
}
