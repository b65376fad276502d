/**
 * Checks a protocol's table of messages and their bytes, for tests. Messages and bytes convert into
 * each other, every part of every method has a case, unknown keys are accepted, and truncated bytes
 * are rejected.
 */
import assert from 'node:assert/strict'
import type { Case } from './case.ts'
import type { AnyMethod, Protocol } from './define-protocol.ts'
import { decodeCbor, encodeCbor } from '../wire/cbor.ts'

export function checkCases(protocol: Protocol, cases: readonly Case[]): void {
  assert.equal(new Set(cases.map((one) => one.id)).size, cases.length, 'ids are unique')
  for (const one of cases) checkCase(protocol, one)
  const covered = new Set(cases.map((one) => `${one.method} ${one.part}`))
  for (const [name, method] of Object.entries(protocol.methods))
    for (const part of partsOf(method))
      assert.ok(covered.has(`${name} ${part}`), `no case shows the ${part} of ${name}`)
}

function checkCase(protocol: Protocol, one: Case): void {
  const method = protocol.methods[one.method]
  const schema = method?.[one.part]
  assert.ok(schema, `${one.id}: ${protocol.name} has no ${one.part} of ${one.method}`)
  const bytes = new Uint8Array(Buffer.from(one.hex.replace(/\s+/g, ''), 'hex'))
  assert.equal(
    Buffer.from(encodeCbor(schema.parse(one.message))).toString('hex'),
    Buffer.from(bytes).toString('hex'),
    `${one.id}: encoded`,
  )
  const decoded = decodeCbor(bytes, one.id)
  assert.deepEqual(schema.parse(decoded), one.message, `${one.id}: decoded`)
  assert.ok(decoded instanceof Object, `${one.id}: an object`)
  const later = { ...decoded, zzFromALaterVersion: [1, { x: null }] }
  assert.deepEqual(
    schema.parse(decodeCbor(new Uint8Array(encodeCbor(later)), one.id)),
    one.message,
    `${one.id}: with a key of a later version`,
  )
  for (let length = 0; length < bytes.length; length += 1)
    assert.throws(
      () => decodeCbor(bytes.subarray(0, length), one.id),
      `${one.id}: cut to ${length} bytes`,
    )
  const limit = {
    request: 'maxRequestBytes',
    response: 'maxResponseBytes',
    progress: 'maxProgressBytes',
  } as const
  const allowed = { ...protocol.limits, ...method?.limits }[limit[one.part]]
  assert.ok(
    bytes.length <= allowed,
    `${one.id}: it has ${bytes.length} bytes, and the limit is ${allowed}`,
  )
}

/** An empty message has one encoding, so the table need not repeat it for every method. */
function partsOf(method: AnyMethod): Case['part'][] {
  const parts = (['request', 'response', 'progress'] as const).filter(
    (part) => method[part] !== undefined,
  )
  return parts.filter((part) => !isEmpty(method, part))
}

function isEmpty(method: AnyMethod, part: Case['part']): boolean {
  const parsed = method[part]?.safeParse({})
  return (
    parsed?.success === true &&
    Object.keys(Object(parsed.data)).length === 0 &&
    Object.keys(shapeOf(method[part])).length === 0
  )
}

const shapeOf = (schema: unknown): object =>
  schema instanceof Object && 'shape' in schema && schema.shape instanceof Object
    ? schema.shape
    : { unknown: true }

/** Messages that the schema rejects, each for the named reason. */
export function checkRefused(
  protocol: Protocol,
  refused: readonly (readonly [
    why: string,
    method: string,
    part: Case['part'],
    message: unknown,
  ])[],
): void {
  for (const [why, name, part, message] of refused) {
    const schema = protocol.methods[name]?.[part]
    assert.ok(schema, `${protocol.name} has no ${part} of ${name}`)
    assert.equal(schema.safeParse(message).success, false, `${name} ${part}: ${why}`)
  }
}
