import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  FLEET_TIME,
  intentStatement,
  logStatements,
  operation,
  outcomeStatement,
  respelled,
} from '../../fixtures/audit/fleet.ts'
import { readSigned } from '../trust/signed.ts'
import { fromText } from '../trust/transport.ts'
import { decodeEntry, encodeEntry, entryTime, type NewEntry, statementOf } from './entry.ts'
import { auditError } from './errors.ts'

const refused = (error: unknown): boolean => auditError.is(error, 'audit.entry')
const at = FLEET_TIME

async function sample(): Promise<NewEntry> {
  return { ...(await intentStatement(1)), at, coordinator: 'c1' }
}

describe('log entries', () => {
  it('contains the statement exactly as it was signed', async () => {
    const entry = await sample()
    const decoded = decodeEntry(encodeEntry(entry))
    assert.equal(decoded.type, 'intent')
    assert.equal(decoded.operation, operation(1))
    assert.equal(entryTime(decoded), at)
    assert.equal('clamped' in decoded, false)
    assert.equal(decodeEntry(encodeEntry({ ...entry, clamped: true })).clamped, true)
    assert.equal(readSigned(fromText(decoded), 'intent').operation, operation(1))
    assert.equal(statementOf(decoded).kind, 'intent')
    for (const statement of await logStatements(3))
      statementOf(decodeEntry(encodeEntry({ ...statement, at, coordinator: 'c1' })))
  })

  it('AL-22: rejects another encoding of the same entry', async () => {
    const bytes = encodeEntry(await sample())
    for (const other of respelled(bytes)) {
      assert.notDeepEqual(Buffer.from(other), Buffer.from(bytes))
      assert.throws(() => decodeEntry(other), refused)
    }
    assert.throws(
      () => decodeEntry(Buffer.concat([Buffer.from('{"at":"x",'), Buffer.from(bytes).subarray(1)])),
      refused,
    )
  })

  it('AL-14: writes line ends, escapes and quotes of a command as JSON, on one line', async () => {
    const words = ['\n{"type":"intent"}\n', '\u001b[2J\u0007', '"', '\\', '\u2028', 'é']
    const bytes = Buffer.from(
      encodeEntry({ ...(await intentStatement(2, words)), at, coordinator: 'c1' }),
    )
    assert.equal(
      [...bytes].some((byte) => byte < 0x20 || byte === 0x7f),
      false,
    )
    const intent = readSigned(fromText(decodeEntry(bytes)), 'intent')
    assert.deepEqual((intent.arguments as { command: string[] }).command, words)
  })

  it('AL-13: contains only its known fields', async () => {
    const bytes = Buffer.from(encodeEntry(await sample())).toString()
    assert.throws(
      () => decodeEntry(Buffer.from(bytes.replace('{"at"', '{"a":"secret","at"'))),
      refused,
    )
    assert.deepEqual(Object.keys(JSON.parse(bytes) as object).sort(), [
      'at',
      'coordinator',
      'key',
      'operation',
      'scheme',
      'signature',
      'statement',
      'type',
      'v',
    ])
  })

  it('rejects missing and malformed fields', async () => {
    const bytes = Buffer.from(encodeEntry(await sample())).toString()
    for (const [from, to] of [
      ['"v":1', '"v":2'],
      ['"type":"intent"', '"type":"thought"'],
      ['2026-01-31T08:00:00.000Z', '2026-01-31T08:00:00Z'],
      ['2026-01-31T08:00:00.000Z', '2026-02-31T08:00:00.000Z'],
      [`"operation":"${operation(1)}"`, '"operation":"1"'],
      ['"coordinator":"c1"', '"coordinator":""'],
      ['"coordinator":"c1"', `"coordinator":"${'c'.repeat(65)}"`],
      ['"scheme":"sshsig"', '"scheme":1'],
    ] as const) {
      assert.ok(bytes.includes(from), from)
      assert.throws(() => decodeEntry(Buffer.from(bytes.replace(from, to))), refused, to)
    }
    assert.throws(() => decodeEntry(Buffer.from('[]')), refused)
    assert.throws(() => decodeEntry(Buffer.alloc(70_000, 0x20)), refused)
    assert.throws(
      () =>
        statementOf(decodeEntry(Buffer.from(bytes.replace('"type":"intent"', '"type":"outcome"')))),
      refused,
    )
    const outcome = await outcomeStatement(1)
    assert.throws(
      () =>
        statementOf(
          decodeEntry(encodeEntry({ ...outcome, type: 'intent', at, coordinator: 'c1' })),
        ),
      refused,
    )
  })

  it('rejects an entry that is longer than its length field allows', async () => {
    // Each quote takes four bytes: escaped in the statement, and escaped again in the entry.
    const quotes = Array.from({ length: 20 }, () => '"'.repeat(1000))
    const entry = { ...(await intentStatement(3, quotes)), at, coordinator: 'c1' }
    assert.throws(() => encodeEntry(entry), refused)
  })
})
