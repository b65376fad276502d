/**
 * Encodes and decodes log entries. An entry is canonical JSON that contains one signed statement as
 * its signed text, with its signature. So each entry can be verified alone. The bytes are never
 * encoded again from parsed values.
 */
import { defined } from '../defined.ts'
import { asError } from '../as-error.ts'
import { canonicalJson, isJsonObject, type Json, parseCanonicalJson } from '../canonical-json.ts'
import { parseRfc3339, rfc3339 } from '../clock.ts'
import { type OperationId, operationId } from '../ids.ts'
import { type Kind, kindOfType } from '../trust/kinds.ts'
import { fromText, type SignedText, toText } from '../trust/transport.ts'
import type { Signed } from '../trust/signed.ts'
import { auditError } from './errors.ts'
import { MAX_ENTRY_BYTES } from './tile.ts'

/** The types of entries, and the kinds of statements that each may contain. */
const KINDS_OF = {
  /** One signature under a root statement. The log begins with them. */
  root: ['root'],
  /** An operator's intent, logged before it has any effect. */
  intent: ['intent'],
  /** The outcome of an operation on one target. */
  outcome: ['outcome'],
  /** Rights granted and revoked. */
  policy: ['intent', 'grant', 'revocation'],
  /** The coordinator's records. */
  trust: ['trust', 'certificate', 'facts'],
} as const satisfies Record<string, readonly Kind[]>

export type EntryType = keyof typeof KINDS_OF
export const ENTRY_TYPES: readonly EntryType[] = ['root', 'intent', 'outcome', 'policy', 'trust']

function isEntryType(value: unknown): value is EntryType {
  return typeof value === 'string' && Object.hasOwn(KINDS_OF, value)
}

export interface Entry extends SignedText {
  readonly type: EntryType
  /**
   * The time when the coordinator received it, RFC 3339. It is never earlier than that of the entry
   * before.
   */
  readonly at: string
  /**
   * Present if the coordinator's clock was behind the entry before. `at` is then that entry's time.
   */
  readonly clamped?: true
  readonly operation: OperationId | null
  /** The name of the coordinator that appended it. */
  readonly coordinator: string
}

const KEYS = new Set([
  'v',
  'type',
  'at',
  'clamped',
  'operation',
  'coordinator',
  'statement',
  'scheme',
  'key',
  'signature',
])
/** The maximum length, as for names in a root statement. */
const MAX_NAME = 64

export interface NewEntry {
  readonly type: EntryType
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly clamped?: boolean
  readonly operation: OperationId | null
  readonly coordinator: string
  readonly signed: Signed
}

/**
 * Encodes an entry for the log.
 * @throws audit.entry if {@link decodeEntry} would reject it, also because it is too long
 */
export function encodeEntry(entry: NewEntry): Uint8Array {
  const { type, operation, coordinator, signed } = entry
  const value = {
    v: 1,
    type,
    at: rfc3339(entry.at),
    operation,
    coordinator,
    ...toText(signed),
    ...defined({ clamped: entry.clamped === true || undefined }),
  }
  const bytes = Buffer.from(canonicalJson(value))
  const { statement } = decodeEntry(bytes)
  // The statement is stored as text, so bytes that aren't UTF-8 would change.
  if (!Buffer.from(statement).equals(signed.statement))
    throw auditError('audit.entry', { index: null, reason: 'its statement is not UTF-8' })
  return bytes
}

/**
 * Decodes an entry. Doesn't verify its signature (see entry-chain.ts).
 * @param index for error messages
 * @throws audit.entry
 */
export function decodeEntry(bytes: Uint8Array, index: number | null = null): Entry {
  const bad = (reason: string, cause?: unknown): Error =>
    auditError('audit.entry', { index, reason }, { cause })
  if (bytes.length > MAX_ENTRY_BYTES)
    throw bad(`it has ${bytes.length} bytes, more than ${MAX_ENTRY_BYTES}`)
  let value: Json
  try {
    value = parseCanonicalJson(bytes, 'the entry')
  } catch (cause) {
    throw bad(asError(cause).message, cause)
  }
  if (!isJsonObject(value)) throw bad('it is not an object')
  const entry = value
  const unknown = Object.keys(entry).find((key) => !KEYS.has(key))
  if (unknown !== undefined)
    throw bad(`it has an unknown key ${JSON.stringify(unknown.slice(0, 40))}`)
  if (entry['v'] !== 1) throw bad('its version is not 1')
  if (!isEntryType(entry['type'])) throw bad('its type is unknown')
  const at = entry['at']
  if (typeof at !== 'string' || Number.isNaN(parseRfc3339(at)))
    throw bad('its time is not RFC 3339')
  if (entry['clamped'] !== undefined && entry['clamped'] !== true)
    throw bad('its clamped field is not true')
  if (entry['operation'] !== null && !operationId.is(entry['operation']))
    throw bad('its operation is not a UUID')
  const coordinator = entry['coordinator']
  if (typeof coordinator !== 'string' || coordinator === '' || coordinator.length > MAX_NAME)
    throw bad('the name of its coordinator is invalid')
  for (const key of ['statement', 'scheme', 'key', 'signature'])
    if (typeof entry[key] !== 'string') throw bad(`its ${key} is not text`)
  // Forced: each key was checked above.
  return entry as unknown as Entry
}

/** Returns the entry's time in milliseconds since the epoch. */
export function entryTime(entry: Entry): number {
  return parseRfc3339(entry.at)
}

/**
 * Returns the signed statement in an entry and its kind, which must fit the entry's type. Doesn't
 * verify the signature.
 * @throws audit.entry
 */
export function statementOf(
  entry: Entry,
  index: number | null = null,
): { signed: Signed; kind: Kind } {
  try {
    const signed = fromText(entry)
    return { signed, kind: kindFor(entry.type, signed, index) }
  } catch (cause) {
    if (auditError.is(cause)) throw cause
    throw auditError('audit.entry', { index, reason: 'its statement cannot be read' }, { cause })
  }
}

/**
 * Returns the kind of a statement in an entry of this type.
 * @throws audit.entry if the type doesn't allow it
 */
export function kindFor(type: EntryType, signed: Signed, index: number | null = null): Kind {
  let found: unknown
  try {
    const body: unknown = JSON.parse(Buffer.from(signed.statement).toString())
    found = body instanceof Object && 'type' in body ? body.type : undefined
  } catch (cause) {
    throw auditError('audit.entry', { index, reason: 'its statement is not JSON' }, { cause })
  }
  const kind = typeof found === 'string' ? kindOfType(found) : undefined
  const allowed: readonly Kind[] = KINDS_OF[type]
  if (kind !== undefined && allowed.includes(kind)) return kind
  const got = JSON.stringify(String(found).slice(0, 64))
  const reason = `an entry of type ${type} carries a statement of type ${got}`
  throw auditError('audit.entry', { index, reason })
}
