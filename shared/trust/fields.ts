/**
 * Defines the field types of statements. Each value has exactly one encoding, so equal statements
 * have equal bytes. Every field has a maximum size.
 */
import { z } from 'zod'
import { parseRfc3339 } from '../clock.ts'
import type { Json } from '../canonical-json.ts'
import { publicKeyFault } from '../identity/ed25519.ts'
import { keyOfPeerId } from '../identity/peer-id.ts'
import { agentId, blobId, fingerprint, fleetId, operationId, sha256Hex } from '../ids.ts'
import type { AgentId, BlobId, Fingerprint, FleetId, OperationId, Sha256 } from '../ids.ts'

export const fleetField = z.custom<FleetId>(
  fleetId.is,
  'expected a fleet id: 32 lower-case hex digits',
)
export const agentField = z.custom<AgentId>(agentId.is, 'expected an agent id: a UUID')
export const operationField = z.custom<OperationId>(
  operationId.is,
  'expected an operation id: a UUID',
)
export const fingerprintField = z.custom<Fingerprint>(
  fingerprint.is,
  'expected a key fingerprint: SHA256: and 43 base64 characters',
)
export const sha256Field = z.custom<Sha256>(
  sha256Hex.is,
  'expected a SHA-256 digest: 64 lower-case hex digits',
)
export const blobField = z.custom<BlobId>(blobId.is, 'expected a blob id: 64 lower-case hex digits')
export const uuidField = z.custom<string>(operationId.is, 'expected a UUID')

/** A counter that only increases: an epoch, a version, a sequence number. */
export const counterField = z.int().min(0)

/** A time exactly as rfc3339() writes it: UTC, milliseconds. */
export const timeField = z.custom<string>(
  (value) => typeof value === 'string' && !Number.isNaN(parseRfc3339(value)),
  'expected a time like 2026-01-31T08:00:00.000Z',
)

/** A 32-byte ed25519 public key in standard base64 with padding. It is checked like other keys. */
export const keyField = z.custom<string>((value) => {
  if (typeof value !== 'string' || value.length !== 44) return false
  const bytes = Buffer.from(value, 'base64')
  return bytes.toString('base64') === value && publicKeyFault(bytes) === undefined
}, 'expected an ed25519 public key in base64')

export const peerIdField = z.custom<string>((value) => {
  try {
    return typeof value === 'string' && keyOfPeerId(value).length > 0
  } catch {
    return false
  }
}, 'expected the peer id of an ed25519 key')

/**
 * Names of hosts, operators and coordinators: printable on one line, at most as long as a DNS
 * label.
 */
export const nameField = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9 ._@:+-]{0,63}$/,
    'expected a name of 1 to 64 letters, digits, blanks or . _ @ : + -',
  )

export const LABEL_KEY = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/
export const LABEL_VALUE = /^[A-Za-z0-9._:@+-]{0,128}$/
/** The maximum number of labels. A host needs fewer, and a selector compares each of them. */
const MAX_LABELS = 64
/** z.record ignores this key, so it is refused first. */
const withoutPrototype = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value !== 'object' || value === null || !Object.hasOwn(value, '__proto__'),
  'expected a label name, got __proto__',
)
const labels = z
  .record(
    z.string().regex(LABEL_KEY, 'expected a label name'),
    z.string().regex(LABEL_VALUE, 'expected a label value'),
  )
  .refine(
    (labels) => Object.keys(labels).length <= MAX_LABELS,
    `expected at most ${MAX_LABELS} labels`,
  )
export const labelsField = withoutPrototype.pipe(labels)

/**
 * Any JSON object. The reader has already checked depth, size and canonical form, and rejected the
 * key __proto__.
 */
export type JsonObject = { readonly [key: string]: Json }
export const objectField = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'expected an object',
)

/** Returns the reason why a validity is rejected: empty, reversed or longer than `maxMs`. */
export function validityFault(
  from: string,
  to: string,
  maxMs = Number.POSITIVE_INFINITY,
): string | undefined {
  const length = parseRfc3339(to) - parseRfc3339(from)
  if (length <= 0) return 'it ends before it begins'
  return length > maxMs ? `it lasts longer than ${maxMs / 60_000} minutes` : undefined
}
