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
 * The wire form of a signed statement: the bytes that were signed. The receiver must check it with
 * `readSigned`, because a valid shape proves nothing.
 */
export const signedMessage = signedWire

/** An RFC 6962 hash. */
export const hashMessage: z.ZodType<Uint8Array> = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.byteLength === 32,
  'expected a 32-byte SHA-256 hash',
)
/** Inclusion and consistency proofs have at most two hashes for each level of the tree. */
export const proofMessage = z.array(hashMessage).max(128)

/** The bytes of the field names and headers of one statement in CBOR. */
const STATEMENT_OVERHEAD = 64
/**
 * Counts the statements, from the first on, that fit into one message: at most `most`, together at
 * most `bytes`, and at least one.
 */
export function countFitting(
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
