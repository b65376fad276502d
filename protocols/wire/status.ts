/**
 * Encodes a refusal: a status of a fixed set, the code of the error and its plain data. Text is
 * never sent, because each side formats it from its own tables. Received data is cut and its
 * control characters are removed before it is shown.
 */
import { z } from 'zod'
import { type ErrorData, type ErrorValue, MusterError, restoreError } from '../../shared/errors.ts'
import type { ExitName } from '../../shared/exit-codes.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { wireError } from './errors.ts'

/** Every status, with the text that is shown if the code is unknown. */
export const STATUS = {
  malformed: 'the request does not have the form that the protocol requires',
  denied: 'the caller may not do this',
  unsupported: 'no such protocol or method here',
  'not-found': 'no such thing here',
  conflict: 'the request conflicts with an existing thing',
  busy: 'more than the limits allow; try again later',
  unreachable: 'a required party cannot be reached now',
  unverified: 'a check failed',
  pending: 'the operation is still pending',
  failed: 'the operation failed',
  internal: 'the other side failed; its log has the reason',
} as const
export type Status = keyof typeof STATUS

const BY_CODE: Readonly<Record<string, Status>> = {
  'protocol.malformed': 'malformed',
  'protocol.too-large': 'malformed',
  'protocol.too-many': 'malformed',
  'protocol.unsupported': 'unsupported',
  'protocol.busy': 'busy',
  'protocol.internal': 'internal',
}
/** Exit codes that aren't listed are sent as `failed`. They are useful only in this process. */
const BY_EXIT: Partial<Readonly<Record<ExitName, Status>>> = {
  done: 'internal',
  usage: 'malformed',
  denied: 'denied',
  notFound: 'not-found',
  conflict: 'conflict',
  unreachable: 'unreachable',
  pending: 'pending',
  verification: 'unverified',
}

export function statusOf(error: MusterError): Status {
  return BY_CODE[error.code] ?? BY_EXIT[error.exit] ?? 'failed'
}

/**
 * The maximum length of codes and texts. Errors of Muster are shorter. The rest of a received text
 * is cut.
 */
const MAX_CODE = 64
const MAX_TEXT = 1024
const MAX_FIELDS = 16

const Value = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string()).max(64)])
const ErrorFrame = z.object({
  status: z.string().max(MAX_CODE),
  code: z.string().max(MAX_CODE),
  data: z
    .record(z.string().max(MAX_CODE), Value)
    .refine((data) => Object.keys(data).length <= MAX_FIELDS, 'too many fields'),
})

/** Encodes the payload of an error frame. */
export function encodeError(error: MusterError): Uint8Array {
  const data = Object.fromEntries(
    Object.entries(error.data).map(([key, value]) => [key, cut(value)]),
  )
  return encodeCbor({ status: statusOf(error), code: error.code, data })
}

/**
 * Returns the error that the other side sent for `method`, with text from our own tables. Returns
 * protocol.refused if the code is unknown here.
 */
export function decodeError(payload: Uint8Array, method: string): MusterError {
  const frame = ErrorFrame.safeParse(decodeCbor(payload, 'error frame'))
  if (!frame.success)
    return wireError(
      'protocol.malformed',
      { what: 'error frame', reason: 'its fields are wrong' },
      { cause: frame.error },
    )
  const data = Object.fromEntries(
    Object.entries(frame.data.data).map(([key, value]) => [cutText(key), cut(value)]),
  )
  const status = frame.data.status in STATUS ? frame.data.status : 'internal'
  return (
    restored(frame.data.code, data) ??
    wireError('protocol.refused', { method, status, code: cutText(frame.data.code) })
  )
}

function restored(code: string, data: ErrorData): MusterError | undefined {
  try {
    return restoreError(code, data)
  } catch {
    // The data doesn't fit our table, because the other side has another version or is malicious.
    // The status is still useful.
    return undefined
  }
}

function cut(value: ErrorValue): ErrorValue {
  if (typeof value === 'string') return cutText(value)
  // Our CBOR has no NaN or infinity. Such data must not prevent that the refusal is sent.
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return Array.isArray(value) ? value.slice(0, 64).map((text: string) => cutText(text)) : value
}

function cutText(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
}
