/**
 * Makes and opens commitments. A signed intent contains a commitment in place of a value that may
 * be secret, because the log keeps the intent permanently and many parties can read it. The value
 * is sent with the intent, and the receiver checks that the operator signed this value.
 *
 * commitment = SHA-256(domain ‖ salt ‖ name ‖ value), each part preceded by its length in bytes as
 * a 32-bit big-endian number, text in UTF-8.
 *
 * The salt isn't part of the intent. If the log had the salt, a reader could test likely values and
 * soon find weak passwords. A secret salt of 256 random bits prevents this. Each variable has a new
 * salt, so a leaked salt opens no other commitment, and equal values look different. A second value
 * with the same commitment would be a collision of SHA-256.
 */
import { createHash } from 'node:crypto'
import { type Sha256, sha256Hex } from '../ids.ts'
import type { Random } from '../random.ts'
import { trustError } from './errors.ts'

const DOMAIN = 'muster/variable/v1'
export const SALT_BYTES = 32

/** Opens a commitment. Keep it only in memory, and send it only to the targets of the intent. */
export interface Opening {
  readonly name: string
  readonly salt: Uint8Array
  readonly value: string
}

/** Makes an opening for each variable, with a fresh salt. */
export function openingsOf(
  deps: { random: Random },
  variables: Readonly<Record<string, string>>,
): Opening[] {
  return Object.entries(variables).map(([name, value]) => ({
    name,
    salt: deps.random.bytes(SALT_BYTES),
    value,
  }))
}

export function commitmentOf({ name, salt, value }: Opening): Sha256 {
  const hash = createHash('sha256')
  for (const part of [Buffer.from(DOMAIN), salt, Buffer.from(name), Buffer.from(value)]) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    hash.update(length).update(part)
  }
  return sha256Hex.parse(hash.digest('hex'))
}

/**
 * Verifies the values and returns them by name. They must be exactly those of the commitments.
 * @throws trust.opening with the variable's name, never its value
 */
export function openCommitments(
  commitments: Readonly<Record<string, string>>,
  openings: readonly Opening[],
): Record<string, string> {
  const values = new Map<string, string>()
  for (const opening of openings) {
    const { name } = opening
    if (!Object.hasOwn(commitments, name))
      throw trustError('trust.opening', { variable: name, reason: 'the intent does not name it' })
    if (values.has(name))
      throw trustError('trust.opening', { variable: name, reason: 'it was sent twice' })
    if (commitments[name] !== commitmentOf(opening))
      throw trustError('trust.opening', {
        variable: name,
        reason: 'it does not match the signed commitment',
      })
    values.set(name, opening.value)
  }
  const missing = Object.keys(commitments).find((name) => !values.has(name))
  if (missing !== undefined)
    throw trustError('trust.opening', {
      variable: missing,
      reason: 'it was not sent with the intent',
    })
  return Object.fromEntries(values)
}
