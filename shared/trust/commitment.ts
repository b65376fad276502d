/**
 * Commitments: what stands in a signed intent in place of a value that may be a secret. The log
 * keeps the intent for ever and shows it to many; the value travels beside it, and who acts on the
 * intent checks that it is the very value that the operator signed for.
 *
 * commitment = SHA-256(domain ‖ salt ‖ name ‖ value), each part preceded by its length in bytes as
 * a 32-bit big-endian number, text in UTF-8.
 *
 * The salt is no part of the intent. A salt that everybody can read only spoils tables made
 * beforehand: whoever holds the log could still try every likely password against one entry, for as
 * long as the log exists. With 256 random bits that nobody kept there is nothing to try against,
 * however weak the value. It is drawn for each variable anew: one that leaks opens no other, and
 * equal values do not look equal. Nobody finds a second value with the same commitment: that would
 * be a collision of SHA-256.
 */
import { createHash } from 'node:crypto'
import { type Sha256, sha256Hex } from '../ids.ts'
import type { Random } from '../random.ts'
import { trustError } from './errors.ts'

const DOMAIN = 'muster/variable/v1'
export const SALT_BYTES = 32

/**
 * What opens a commitment: to be held in memory only, and to be sent only to whom the intent names.
 */
export interface Opening {
  readonly name: string
  readonly salt: Uint8Array
  readonly value: string
}

/** An opening for each variable, with fresh salts. */
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
 * The values by name, each checked: exactly those that were committed to, no more and no fewer.
 * @throws trust.opening, which names the variable and never a value
 */
export function openCommitments(
  commitments: Readonly<Record<string, string>>,
  openings: readonly Opening[],
): Record<string, string> {
  const values = new Map<string, string>()
  for (const opening of openings) {
    const { name } = opening
    if (!Object.hasOwn(commitments, name))
      throw trustError('trust.opening', { variable: name, reason: 'the order does not name it' })
    if (values.has(name))
      throw trustError('trust.opening', { variable: name, reason: 'it came twice' })
    if (commitments[name] !== commitmentOf(opening))
      throw trustError('trust.opening', {
        variable: name,
        reason: 'it is not the one that was signed',
      })
    values.set(name, opening.value)
  }
  const missing = Object.keys(commitments).find((name) => !values.has(name))
  if (missing !== undefined)
    throw trustError('trust.opening', {
      variable: missing,
      reason: 'it did not come with the order',
    })
  return Object.fromEntries(values)
}
