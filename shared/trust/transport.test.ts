/**
 * Tests the encodings of signed statements: both preserve the bytes, and invalid input is a Muster
 * error.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { MusterError } from '../errors.ts'
import { signedSample, testKey } from '../testing/statements.ts'
import { KINDS } from './kinds.ts'
import { MAX_STATEMENT_BYTES, readSigned, type Signed } from './signed.ts'
import { fromText, fromWire, toText, toWire } from './transport.ts'

const key = testKey(1)
const plain = (signed: Signed): unknown => ({
  ...signed,
  statement: Buffer.from(signed.statement).toString('hex'),
  key: Buffer.from(signed.key).toString('hex'),
  signature: Buffer.from(signed.signature).toString('hex'),
})

test('every kind of statement keeps its valid signature in CBOR and JSON', async () => {
  for (const kind of KINDS) {
    const signed = await signedSample(kind, key)
    for (const carried of [
      fromWire(decode(encode(toWire(signed)))),
      fromText(JSON.parse(JSON.stringify(toText(signed)))),
    ]) {
      assert.deepEqual(plain(carried), plain(signed))
      assert.deepEqual(readSigned(carried, kind), readSigned(signed, kind))
    }
  }
})

test('the wire form tolerates unknown keys and rejects wrong lengths and types', async () => {
  const wire = toWire(await signedSample('intent', key))
  assert.ok(fromWire({ ...wire, later: true }))
  for (const changes of [
    { statement: 'text' },
    { statement: new Uint8Array(MAX_STATEMENT_BYTES + 1) },
    { statement: new Uint8Array(0) },
    { scheme: 'none' },
    { key: new Uint8Array(31) },
    { key: undefined },
    { signature: new Uint8Array(63) },
    { signature: new Uint8Array(2000) },
  ])
    assert.throws(() => fromWire({ ...wire, ...changes }), { code: 'trust.malformed' })
})

test('the text form rejects non-canonical base64 and other objects', async () => {
  const text = toText(await signedSample('intent', key))
  for (const changes of [
    { key: text.key.replace('=', '') },
    { key: text.key.toUpperCase().slice(0, 43) },
    { signature: `${text.signature} ` },
    { signature: text.signature.slice(0, -1) },
    { statement: 5 },
    { statement: 'x'.repeat(MAX_STATEMENT_BYTES + 1) },
    { scheme: 'pgp' },
  ])
    assert.throws(() => fromText({ ...text, ...changes }), { code: 'trust.malformed' })
  fc.assert(
    fc.property(fc.anything(), (value) => {
      for (const read of [fromText, fromWire])
        assert.throws(
          () => read(value),
          (error) => error instanceof MusterError && error.code === 'trust.malformed',
        )
    }),
  )
})

test('a text that differs from the signed bytes does not verify', async () => {
  const signed = await signedSample('intent', key)
  const text = toText(signed)
  const changed = fromText({ ...text, statement: text.statement.replace('Grüße', 'Gru\u0308ße') })
  assert.throws(() => readSigned(changed, 'intent'), { code: 'trust.signature' })
})
