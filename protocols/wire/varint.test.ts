import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MAX_VARINT, createVarintReader, writeVarint } from './varint.ts'

function read(bytes: readonly number[]): number | undefined {
  const reader = createVarintReader()
  let value: number | undefined
  for (const byte of bytes) value = reader.push(byte)
  return value
}

test('varint: every length round-trips', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_VARINT }), (value) => {
      const bytes = new Uint8Array(8)
      const end = writeVarint(bytes, 0, value)
      assert.equal(read([...bytes.subarray(0, end)]), value)
    }),
  )
})

test('varint: the encoding equals multiformats/unsigned-varint', () => {
  for (const [value, hex] of [
    [1, '01'],
    [127, '7f'],
    [128, '8001'],
    [255, 'ff01'],
    [300, 'ac02'],
    [16384, '808001'],
  ] as const) {
    const bytes = new Uint8Array(8)
    assert.equal(Buffer.from(bytes.subarray(0, writeVarint(bytes, 0, value))).toString('hex'), hex)
  }
})

test('TR-08: lengths that are too large, negative, overlong or padded are rejected', () => {
  for (const hex of [
    'ffffffffffffffff7f',
    'ffffffffffffffffff01',
    '80808080808080808000',
    '8000',
    '818000',
  ]) {
    assert.throws(() => read([...Buffer.from(hex, 'hex')]), { code: 'protocol.malformed' }, hex)
  }
  assert.throws(() => writeVarint(new Uint8Array(8), 0, -1), { code: 'protocol.too-large' })
  assert.throws(() => writeVarint(new Uint8Array(8), 0, 2 ** 28), { code: 'protocol.too-large' })
})
