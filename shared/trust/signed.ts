/**
 * Signs and reads statements. The signed bytes are never serialised again. Reading checks, in this
 * order: size, scheme, signature, canonical form, type, schema, author. The result is what the
 * named key signed. root-chain.ts, credentials.ts and authorize.ts decide whether it is allowed.
 */
import { isJsonObject } from '../canonical-json.ts'
import { asError } from '../as-error.ts'
import { canonicalJson, type Json, parseCanonicalJson } from '../canonical-json.ts'
import { verifyEd25519 } from '../identity/ed25519.ts'
import { fingerprintOf } from '../identity/fingerprint.ts'
import type { Signer } from '../identity/signer.ts'
import { signSshsig, verifySshsig } from '../identity/sshsig.ts'
import type { FleetId } from '../ids.ts'
import { pae } from './dsse.ts'
import { trustError } from './errors.ts'
import { type Kind, kindRow, type Scheme, type Statement } from './kinds.ts'

/**
 * A log entry contains a statement as a JSON string with its signature, and has at most 64 KiB
 * (C2SP tlog-tiles).
 */
export const MAX_STATEMENT_BYTES = 48 * 1024

export interface Signed {
  /** Canonical JSON, exactly the bytes that were signed. */
  readonly statement: Uint8Array
  readonly scheme: Scheme
  /** The ed25519 public key that signed, 32 bytes. */
  readonly key: Uint8Array
  /** `sshsig`: the binary SSHSIG blob. `dsse`: 64 bytes over DSSE-PAE(type, statement). */
  readonly signature: Uint8Array
}

/** A body to be signed. Its type may be left out, because the kind determines it. */
export type Unsigned<K extends Kind> = Omit<Statement<K>, 'type'> & {
  readonly type?: Statement<K>['type']
}

/**
 * Signs a statement with the scheme of its kind.
 * @param scheme optional; any other scheme is an error
 * @throws trust.malformed if {@link readSigned} would reject the body, identity.agent
 */
export async function signStatement<K extends Kind>(
  signer: Signer,
  kind: K,
  body: Unsigned<K>,
  scheme: Scheme = kindRow(kind).scheme,
  signal?: AbortSignal,
): Promise<Signed> {
  const row = kindRow(kind)
  if (scheme !== row.scheme)
    throw trustError('trust.scheme', {
      what: `a ${kind} statement`,
      expected: row.scheme,
      got: scheme,
    })
  const statement = Buffer.from(canonicalJson({ ...body, type: row.type }))
  // The statement is parsed before it is signed, so that no invalid statement is signed.
  const read = parseStatement(statement, kind)
  checkAuthor(read, kind, signer.publicKey)
  const signature =
    row.namespace !== undefined
      ? await signSshsig(signer, row.namespace, statement, signal)
      : await signer.sign(pae(row.type, statement), signal)
  return { statement, scheme, key: signer.publicKey, signature }
}

/**
 * Verifies a signed statement and returns its body.
 * @param expect.fleet rejects a statement of another fleet
 * @throws trust.scheme, trust.signature, trust.type, trust.malformed, trust.author, trust.fleet
 */
export function readSigned<K extends Kind>(
  signed: Signed,
  kind: K,
  expect: { fleet?: FleetId } = {},
): Statement<K> {
  const what = `a ${kind} statement`
  if (signed.statement.length > MAX_STATEMENT_BYTES)
    throw trustError('trust.malformed', {
      what,
      reason: `it has ${signed.statement.length} bytes, more than ${MAX_STATEMENT_BYTES}`,
    })
  checkSignature(signed, kind)
  const body = parseStatement(signed.statement, kind)
  checkAuthor(body, kind, signed.key)
  if (expect.fleet !== undefined && body.fleet !== expect.fleet)
    throw trustError('trust.fleet', { what, expected: expect.fleet, got: body.fleet })
  return body
}

function checkSignature(signed: Signed, kind: Kind): void {
  const row = kindRow(kind)
  const what = `a ${kind} statement`
  if (signed.scheme !== row.scheme)
    throw trustError('trust.scheme', { what, expected: row.scheme, got: signed.scheme })
  if (row.namespace === undefined) {
    if (!verifyEd25519(signed.key, pae(row.type, signed.statement), signed.signature))
      throw trustError('trust.signature', {
        what,
        reason: 'it does not match these bytes and this key',
      })
    return
  }
  let signer: Uint8Array
  try {
    signer = verifySshsig(signed.signature, row.namespace, signed.statement).publicKey
  } catch (cause) {
    throw trustError('trust.signature', { what, reason: asError(cause).message }, { cause })
  }
  if (!Buffer.from(signer).equals(signed.key))
    throw trustError('trust.signature', {
      what,
      reason: 'it was made by another key than the named one',
    })
}

function checkAuthor<K extends Kind>(body: Statement<K>, kind: K, key: Uint8Array): void {
  const author = kindRow(kind).author?.(body)
  const signer = fingerprintOf(key)
  if (author !== undefined && author !== signer)
    throw trustError('trust.author', { what: `a ${kind} statement`, expected: author, got: signer })
}

/** Checks canonical form, type and schema of a statement, but not its signer. */
function parseStatement<K extends Kind>(bytes: Uint8Array, kind: K): Statement<K> {
  const what = `a ${kind} statement`
  const { type, schema } = kindRow(kind)
  if (bytes.length > MAX_STATEMENT_BYTES)
    throw trustError('trust.malformed', {
      what,
      reason: `it has ${bytes.length} bytes, more than ${MAX_STATEMENT_BYTES}`,
    })
  let value: Json
  try {
    value = parseCanonicalJson(bytes, what)
  } catch (cause) {
    throw trustError('trust.malformed', { what, reason: asError(cause).message }, { cause })
  }
  if (!isJsonObject(value))
    throw trustError('trust.malformed', { what, reason: 'it is not an object' })
  const fault = bounds(value)
  if (fault !== undefined) throw trustError('trust.malformed', { what, reason: fault })
  const got = value['type']
  if (got !== type)
    throw trustError('trust.type', {
      expected: type,
      got: typeof got === 'string' ? JSON.stringify(got.slice(0, 64)) : 'none',
    })
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path =
    issue === undefined || issue.path.length === 0
      ? ''
      : `${issue.path.map(String).join('.').slice(0, 128)}: `
  throw trustError(
    'trust.malformed',
    { what, reason: `${path}${issue?.message ?? 'unknown'}`.slice(0, 400) },
    { cause: parsed.error },
  )
}

/** The maximum size of arrays and objects. No valid statement has larger ones. */
const MAX_ITEMS = 4096

/**
 * Returns the reason why a parsed value is rejected. `__proto__` is rejected, because copying such
 * an object could change its prototype.
 */
function bounds(value: Json): string | undefined {
  if (value === null || typeof value !== 'object') return undefined
  if (Object.hasOwn(value, '__proto__')) return 'it has a key named __proto__'
  const items: readonly Json[] = Object.values(value)
  if (items.length > MAX_ITEMS) return `it has more than ${MAX_ITEMS} items in one place`
  for (const item of items) {
    const fault = bounds(item)
    if (fault !== undefined) return fault
  }
  return undefined
}
