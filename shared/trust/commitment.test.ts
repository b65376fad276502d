/**
 * Checks that commitments open only to the signed values, and that the values can not be guessed
 * from them.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MusterError } from '../errors.ts'
import { systemRandom } from '../random.ts'
import {
  commitmentOf,
  openCommitments,
  type Opening,
  openingsOf,
  SALT_BYTES,
} from './commitment.ts'

const salt = fc.uint8Array({ minLength: SALT_BYTES, maxLength: SALT_BYTES })
const opening: fc.Arbitrary<Opening> = fc.record({
  name: fc.string({ maxLength: 8 }),
  salt,
  value: fc.string({ maxLength: 8, unit: 'grapheme' }),
})
const commitmentsOf = (openings: readonly Opening[]): Record<string, string> =>
  Object.fromEntries(openings.map((one) => [one.name, commitmentOf(one)]))
const refusal = (commitments: Record<string, string>, openings: readonly Opening[]): string => {
  try {
    openCommitments(commitments, openings)
    return 'opened'
  } catch (error) {
    if (!(error instanceof MusterError) || error.code !== 'trust.opening') throw error
    return `${String(error.data['variable'])}: ${String(error.data['reason'])}`
  }
}

test('AL-13: any variables open to their own values, in any order', () => {
  const variables = fc.dictionary(
    fc.string({ maxLength: 12 }),
    fc.string({ maxLength: 40, unit: 'grapheme' }),
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(variables, (given) => {
      const openings = openingsOf({ random: systemRandom }, given)
      assert.deepEqual(
        Object.entries(openCommitments(commitmentsOf(openings), openings.toReversed())).sort(),
        Object.entries(given).sort(),
      )
    }),
  )
})

test('AL-13: different openings have different commitments', () => {
  const key = ({ name, salt: bytes, value }: Opening): string =>
    JSON.stringify([name, Buffer.from(bytes).toString('hex'), value])
  fc.assert(
    fc.property(opening, opening, (one, other) => {
      assert.equal(commitmentOf(one) === commitmentOf(other), key(one) === key(other))
      // These are the same bytes with another boundary between name and value.
      const moved = { ...one, name: one.name + one.value, value: '' }
      assert.equal(commitmentOf(one) === commitmentOf(moved), one.value === '')
    }),
  )
})

test('AL-13: one wrong, missing or unknown value rejects all, by its name', () => {
  const openings = openingsOf({ random: systemRandom }, { A: 'hunter2', B: 'hunter2' })
  const [a, b] = openings as [Opening, Opening]
  const signed = commitmentsOf(openings)
  const wrong: [string, readonly Opening[], string][] = [
    ['altered', [{ ...a, value: 'hunter3' }, b], 'A: it does not match the signed commitment'],
    ['another salt', [{ ...a, salt: b.salt }, b], 'A: it does not match the signed commitment'],
    ['under another name', [a, { ...a, name: 'B' }], 'B: it does not match the signed commitment'],
    ['missing', [a], 'B: it was not sent with the intent'],
    ['none', [], 'A: it was not sent with the intent'],
    ['twice', [a, b, b], 'B: it was sent twice'],
    ['one more', [a, b, { ...a, name: 'LD_PRELOAD' }], 'LD_PRELOAD: the intent does not name it'],
    [
      'a property of every object',
      [a, b, { ...a, name: 'toString' }],
      'toString: the intent does not name it',
    ],
  ]
  for (const [what, given, says] of wrong) {
    assert.equal(refusal(signed, given), says, what)
    assert.doesNotMatch(refusal(signed, given), /hunter/, what)
  }
  assert.equal(refusal({}, []), 'opened')
  assert.equal(refusal(signed, openings), 'opened')
})

test('AL-13: each variable has a fresh 256-bit salt, so equal values look different', () => {
  const variables = { A: 'same', B: 'same' }
  const all = [
    ...openingsOf({ random: systemRandom }, variables),
    ...openingsOf({ random: systemRandom }, variables),
  ]
  assert.ok(all.every((one) => one.salt.length === 32))
  assert.equal(new Set(all.map((one) => Buffer.from(one.salt).toString('hex'))).size, 4)
  assert.equal(new Set(all.map((one) => commitmentOf(one))).size, 4)
})

test('AL-13: hashes the documented bytes', () => {
  // printf '\0\0\0\22muster/variable/v1\0\0\0\40<32 times 0x07>\0\0\0\1A\0\0\0\4gr\303\274' |
  // sha256sum
  assert.equal(
    commitmentOf({ name: 'A', salt: new Uint8Array(32).fill(7), value: 'grü' }),
    '87369d553e43ab1bf57cfab34ffe188b2c243a585079f876ac9a8907ec86c109',
  )
})
