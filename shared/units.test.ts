/** Tests how sizes and durations are parsed and formatted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MusterError } from './errors.ts'
import { formatDuration, formatSize, GIB, KIB, MIB, parseDuration, parseSize } from './units.ts'

test('units: sizes are powers of 1024, with K, KB and KiB alike', () => {
  for (const [text, bytes] of [
    ['0', 0],
    ['1000', 1000],
    ['512M', 512 * MIB],
    ['64KiB', 64 * KIB],
    ['64kb', 64 * KIB],
    ['1.5g', 1.5 * GIB],
    ['10 G', 10 * GIB],
    ['7B', 7],
  ] as const)
    assert.equal(parseSize(text), bytes, text)
  for (const text of [
    '',
    '-1',
    '1e3',
    '1,5G',
    '5X',
    'G',
    '1 0',
    '0x10',
    '9999999999T',
    'NaN',
    'Infinity',
  ])
    assert.throws(() => parseSize(text), { code: 'unit.malformed', exit: 'usage' }, text)
})

test('units: a duration without a unit is seconds', () => {
  for (const [text, ms] of [
    ['250ms', 250],
    ['90', 90_000],
    ['90s', 90_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['30d', 2_592_000_000],
  ] as const)
    assert.equal(parseDuration(text), ms, text)
  for (const text of ['', '-1s', '1 s', '1w', 's', '1h30m', '1e3', '999999999999d'])
    assert.throws(() => parseDuration(text), { code: 'unit.malformed' }, text)
})

test('units: formats any number in at most two units, each below its limit', () => {
  assert.deepEqual([0, 17, 1023, 1024, 313 * KIB, 4.2 * GIB].map(formatSize), [
    '0 B',
    '17 B',
    '1023 B',
    '1.0 KiB',
    '313 KiB',
    '4.2 GiB',
  ])
  assert.deepEqual([0, 400, 9_900, 59_700, 192_000, 7_500_000, 183_600_000].map(formatDuration), [
    '0.0s',
    '0.4s',
    '9.9s',
    '1m 0s',
    '3m 12s',
    '2h 5m',
    '2d 3h',
  ])
  fc.assert(
    fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (n) => {
      assert.match(formatSize(n), /^\d{1,4}(\.\d)? ([KMGTP]i)?B$/)
      assert.match(formatDuration(n), /^\d+(\.\d)?[dhms]( \d{1,2}[hms])?$/)
    }),
  )
})

test('units: the error for a malformed size is short and quotes the input', () => {
  assert.throws(
    () => parseSize('many'),
    (error) =>
      error instanceof MusterError && error.message === '"many" is not a size, such as 512M or 10G',
  )
})
