/**
 * Keeps secrets out of what people and files get to read: logs, error reports, `config show`. Two
 * nets: the exact secrets that the program has been told of, and the shapes in which secrets
 * usually slip through. Works on the finished text, so a secret inside somebody else's error
 * message or in a nested cause is caught too.
 */
export interface Redactor {
  /**
   * From now on this text never passes. Shorter than four characters is ignored: masking those
   * would garble everything.
   */
  protect(secret: string): void
  /** The text with every known secret and every secret shape masked. */
  text(text: string): string
}

export const MASK = '[secret]'

/** Below this, replacing a secret wherever it occurs destroys the text and hides little. */
const MIN_SECRET_LENGTH = 4
/**
 * Secrets come from configuration files; more than this means that something else is being
 * protected by mistake.
 */
const MAX_SECRETS = 1000

const SHAPES: readonly (readonly [RegExp, string])[] = [
  // Private keys, PEM and OpenSSH; a truncated one as well.
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    '[private key]',
  ],
  // The password of a URL: https://user:password@host, postgresql://user:password@host. The
  // password may itself hold an @.
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"']{0,255}:)[^\s/"']{1,1024}@/gi, `$1${MASK}@`],
  // Enrolment tokens and tickets; they share one form, and only the program can tell them apart.
  [/\bmuster1-[a-z2-7]{16,}/gi, `muster1-${MASK}`],
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
      // The forms in which it appears inside JSON and inside a URL.
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
