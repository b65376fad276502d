/** Message parts that several protocols share: signed statements and hashes. */
import { z } from 'zod'
import type { Signed } from '../shared/trust/signed.ts'
import { signedWire } from '../shared/trust/transport.ts'

export const bytesOf = (max: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.byteLength <= max,
    `expected at most ${max} bytes`,
  )

/**
 * How a signed statement travels: as the bytes that were signed. The receiver checks it with
 * `readSigned`, never by this shape alone.
 */
export const signedMessage = signedWire

/** An RFC 6962 hash. */
export const hashMessage: z.ZodType<Uint8Array> = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.byteLength === 32,
  'expected a 32-byte SHA-256 hash',
)
/** Inclusion and consistency proofs have at most one hash a level of the tree, twice. */
export const proofMessage = z.array(hashMessage).max(128)

/** Field names and heads of one statement in CBOR. */
const STATEMENT_OVERHEAD = 64
/**
 * How many of the statements, from the first on, one message takes: at most `most`, and together at
 * most `bytes`, but always one.
 */
export function fitting(
  statements: readonly Signed[],
  { most, bytes }: { most: number; bytes: number },
): number {
  let left = bytes
  const end = statements.findIndex(({ statement, key, signature }) => {
    left -= statement.length + key.length + signature.length + STATEMENT_OVERHEAD
    return left < 0
  })
  return Math.min(most, end === -1 ? statements.length : Math.max(1, end))
}
