import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { decodeCbor, encodeCbor } from './cbor.ts'

test('cbor: a value has one encoding in any order of its keys, and decodes to itself', () => {
  assert.equal(
    Buffer.from(
      encodeCbor({ b: 1, a: [true, null, 'x', new Uint8Array([1])], c: undefined }),
    ).toString('hex'),
    'a2616184f5f661784101616201',
  )
  assert.deepEqual(encodeCbor({ a: 1, b: 2 }), encodeCbor({ b: 2, a: 1 }))
  const key = fc.string({ maxLength: 5 }).filter((name) => name !== '__proto__')
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.integer(),
      fc.maxSafeInteger(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  }))
  fc.assert(
    fc.property(value, (item) => assert.deepEqual(decodeCbor(encodeCbor(item), 'value'), item)),
  )
})

test('cbor: rejects encodings that are not strict', () => {
  for (const [why, hex] of [
    ['integer longer than needed', '1801'],
    ['length longer than needed', '580101'],
    ['duplicate key', 'a2616101616102'],
    ['indefinite array', '9f01ff'],
    ['undefined', 'f7'],
    ['not a number', 'f97e00'],
    ['infinity', 'f97c00'],
    ['tag', 'c001'],
    ['integer key', 'a10102'],
    ['2^64 - 1', '1bffffffffffffffff'],
    ['bytes after the value', '0101'],
    ['nothing', ''],
    ['array shorter than it says', '8201'],
    ['array of 2^53 items', '9b001fffffffffffff01'],
    ['text that is not UTF-8 cut short', '62c3'],
    ['nested 25 deep', `${'81'.repeat(25)}01`],
  ] as const) {
    assert.throws(
      () => decodeCbor(Buffer.from(hex, 'hex'), 'value'),
      { code: 'protocol.malformed' },
      why,
    )
  }
  assert.equal(
    JSON.stringify(decodeCbor(Buffer.from(`${'81'.repeat(24)}01`, 'hex'), 'value')).length,
    49,
  )
})

test('cbor: rejects a mebibyte of nested arrays without exhausting the stack', () => {
  assert.throws(() => decodeCbor(Buffer.alloc(1 << 20, 0x81), 'value'), {
    code: 'protocol.malformed',
  })
})

test('cbor: a key named __proto__ stays a key', () => {
  const value = decodeCbor(Buffer.from('a1695f5f70726f746f5f5fa1616101', 'hex'), 'value') as Record<
    string,
    unknown
  >
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.equal(value['a'], undefined)
})
