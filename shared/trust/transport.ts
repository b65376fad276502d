/**
 * Encodes a signed statement: as byte strings in a protocol's CBOR frame, and as strings in a log
 * entry. Both preserve exactly the signed bytes. Neither verifies the signature.
 */
import { z } from 'zod'
import { trustError } from './errors.ts'
import { MAX_STATEMENT_BYTES, type Signed } from './signed.ts'

/** An SSHSIG blob of an ed25519 key has about 180 bytes, a DSSE signature 64. */
const MAX_SIGNATURE_BYTES = 1024

const bytes = (min: number, max: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    `expected ${min} to ${max} bytes`,
  )

/** The wire form, for protocol messages. Like every wire object, it may have unknown keys. */
export const signedWire = z.object({
  statement: bytes(2, MAX_STATEMENT_BYTES),
  scheme: z.enum(['sshsig', 'dsse']),
  key: bytes(32, 32),
  signature: bytes(64, MAX_SIGNATURE_BYTES),
})

export function toWire(signed: Signed): z.infer<typeof signedWire> {
  return {
    statement: signed.statement,
    scheme: signed.scheme,
    key: signed.key,
    signature: signed.signature,
  }
}

/** @throws trust.malformed */
export function fromWire(value: unknown): Signed {
  return accept(signedWire.safeParse(value))
}

/** The form in a log entry: the statement as text, key and signature in base64. */
export interface SignedText {
  readonly statement: string
  readonly scheme: Signed['scheme']
  readonly key: string
  readonly signature: string
}

export function toText(signed: Signed): SignedText {
  return {
    statement: Buffer.from(signed.statement).toString(),
    scheme: signed.scheme,
    key: Buffer.from(signed.key).toString('base64'),
    signature: Buffer.from(signed.signature).toString('base64'),
  }
}

const text = z.object({
  statement: z.string().max(MAX_STATEMENT_BYTES),
  scheme: z.string(),
  key: z.string().length(44),
  signature: z.string().max(2048),
})

/** @throws trust.malformed, also for base64 that isn't canonical */
export function fromText(value: unknown): Signed {
  const parsed = text.safeParse(value)
  if (!parsed.success)
    throw trustError('trust.malformed', {
      what: 'a signed statement',
      reason: 'it is not {statement, scheme, key, signature}',
    })
  const { statement, scheme, key, signature } = parsed.data
  return accept(
    signedWire.safeParse({
      statement: new Uint8Array(Buffer.from(statement)),
      scheme,
      key: base64(key),
      signature: base64(signature),
    }),
  )
}

function base64(encoded: string): Uint8Array | undefined {
  const decoded = Buffer.from(encoded, 'base64')
  return decoded.toString('base64') === encoded ? new Uint8Array(decoded) : undefined
}

function accept(parsed: z.ZodSafeParseResult<Signed>): Signed {
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw trustError('trust.malformed', {
    what: 'a signed statement',
    reason: `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`.slice(0, 200),
  })
}
