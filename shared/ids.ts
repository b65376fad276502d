/**
 * Declares Muster's ids as branded strings. Only a parser creates an id. So a value with an id type
 * is valid, and is safe in a file name or a query.
 */
import { defineErrors } from './errors.ts'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

declare const brand: unique symbol
type Id<B extends string> = string & { readonly [brand]: B }

/** The BLAKE3 of the blob's bytes, 64 lower-case hex digits, as in the output of `b3sum`. */
export type BlobId = Id<'blob'>
/** The SHA-256 of a file's bytes, 64 lower-case hex digits, as in RPM metadata. */
export type Sha256 = Id<'sha256'>
/** The UUID of an agent, which the host generates when it joins. */
export type AgentId = Id<'agent'>
/** The UUIDv7 of a run. */
export type RunId = Id<'run'>
/** The UUIDv7 of one operation that changes something. A retry of the operation has the same id. */
export type OperationId = Id<'operation'>
/** The id of a fleet: 32 lower-case hex digits, which `muster init` draws. */
export type FleetId = Id<'fleet'>
/**
 * The SHA-256 fingerprint of an ed25519 SSH public key, as `ssh-keygen -l` prints it: `SHA256:` and
 * 43 base64 characters.
 */
export type Fingerprint = Id<'fingerprint'>

export const idError = defineErrors({
  'id.malformed': {
    exit: 'usage',
    message: (d: { kind: string; expected: string; got: string }) =>
      `${d.got} is not a ${d.kind}: expected ${d.expected}`,
    hint: () => 'copy the whole id from the output of the command that printed it',
  },
})

const HEX64 = /^[0-9a-f]{64}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

function parser<T extends string>(
  kind: string,
  expected: string,
  pattern: RegExp,
): { is(text: unknown): text is T; parse(text: string): T } {
  const is = (text: unknown): text is T => typeof text === 'string' && pattern.test(text)
  return {
    is,
    parse: (text) => {
      if (!is(text))
        throw idError('id.malformed', { kind, expected, got: JSON.stringify(text.slice(0, 80)) })
      return text
    },
  }
}

export const blobId = parser<BlobId>('blob id', '64 lower-case hex digits', HEX64)
export const sha256Hex = parser<Sha256>('sha256 digest', '64 lower-case hex digits', HEX64)
export const agentId = parser<AgentId>('agent id', 'a UUID', UUID)
export const runId = parser<RunId>('run id', 'a UUID', UUID)
export const operationId = parser<OperationId>('operation id', 'a UUID', UUID)
export const fleetId = parser<FleetId>('fleet id', '32 lower-case hex digits', /^[0-9a-f]{32}$/)
export const fingerprint = parser<Fingerprint>(
  'key fingerprint',
  'SHA256: and 43 base64 characters',
  /^SHA256:[A-Za-z0-9+/]{43}$/,
)

/**
 * Generates UUIDv7s (RFC 9562 section 5.7) that strictly increase within one generator. Ids of the
 * same millisecond count up in the 12 bits after the version. If the clock steps back, the last
 * millisecond is used again. node:crypto's randomUUIDv7 guarantees neither.
 */
export function uuidv7Generator(deps: { clock: Clock; random: Random }): () => string {
  let lastMs = 0
  let counter = 0
  return () => {
    const now = Math.floor(deps.clock.now())
    if (now > lastMs) {
      lastMs = now
      counter = 0
    } else if (++counter > 0xfff) {
      lastMs += 1
      counter = 0
    }
    const bytes = Buffer.from(deps.random.bytes(16))
    bytes.writeUIntBE(lastMs, 0, 6)
    bytes.writeUInt16BE(0x7000 | counter, 6)
    bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
    const hex = bytes.toString('hex')
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
}
