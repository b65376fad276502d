import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { httpDate } from '../../shared/clock.ts'
import { type Decision, decide, parseRange, type RequestHeaders } from './conditional.ts'

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
const FILE = { size: 1000, etag: '"abc"', modifiedAt: AT }

const cases: [string, RequestHeaders, Decision][] = [
  ['nothing asked', {}, { status: 200 }],
  ['the tag it has', { 'if-none-match': '"abc"' }, { status: 304 }],
  ['the tag as weak', { 'if-none-match': 'W/"abc"' }, { status: 304 }],
  ['one of several tags', { 'if-none-match': '"x", "abc"' }, { status: 304 }],
  ['any tag', { 'if-none-match': '*' }, { status: 304 }],
  ['another tag', { 'if-none-match': '"x"' }, { status: 200 }],
  [
    'a tag wins over a date',
    { 'if-none-match': '"x"', 'if-modified-since': httpDate(AT) },
    { status: 200 },
  ],
  ['not modified since', { 'if-modified-since': httpDate(AT) }, { status: 304 }],
  ['modified since', { 'if-modified-since': httpDate(AT - 1000) }, { status: 200 }],
  ['a date that is none', { 'if-modified-since': 'yesterday' }, { status: 200 }],
  ['if-match holds', { 'if-match': '"abc"' }, { status: 200 }],
  ['if-match fails', { 'if-match': '"x"' }, { status: 412 }],
  ['if-match never holds for a weak tag', { 'if-match': 'W/"abc"' }, { status: 412 }],
  ['if-unmodified-since fails', { 'if-unmodified-since': httpDate(AT - 1000) }, { status: 412 }],
  ['a range', { range: 'bytes=100-199' }, { status: 206, range: { start: 100, end: 200 } }],
  ['an open range', { range: 'bytes=900-' }, { status: 206, range: { start: 900, end: 1000 } }],
  ['the last bytes', { range: 'bytes=-10' }, { status: 206, range: { start: 990, end: 1000 } }],
  [
    'more last bytes than there are',
    { range: 'bytes=-5000' },
    { status: 206, range: { start: 0, end: 1000 } },
  ],
  [
    'a range beyond the end',
    { range: 'bytes=990-2000' },
    { status: 206, range: { start: 990, end: 1000 } },
  ],
  ['a range behind the end', { range: 'bytes=1000-' }, { status: 416 }],
  ['the last 0 bytes', { range: 'bytes=-0' }, { status: 416 }],
  ['PB-14 ten thousand ranges', { range: `bytes=${'0-0,'.repeat(10_000)}1-1` }, { status: 200 }],
  ['a backward range', { range: 'bytes=5-1' }, { status: 200 }],
  ['another unit', { range: 'lines=1-2' }, { status: 200 }],
  ['a range of digits without end', { range: `bytes=${'9'.repeat(400)}-` }, { status: 200 }],
  [
    'if-range holds',
    { range: 'bytes=0-0', 'if-range': '"abc"' },
    { status: 206, range: { start: 0, end: 1 } },
  ],
  ['if-range of another tag', { range: 'bytes=0-0', 'if-range': '"x"' }, { status: 200 }],
  ['if-range of a weak tag', { range: 'bytes=0-0', 'if-range': 'W/"abc"' }, { status: 200 }],
  [
    'if-range of its date',
    { range: 'bytes=0-0', 'if-range': httpDate(AT) },
    { status: 206, range: { start: 0, end: 1 } },
  ],
  [
    'if-range of a later date',
    { range: 'bytes=0-0', 'if-range': httpDate(AT + 5000) },
    { status: 200 },
  ],
]

test('PB-14: decides on conditional and range requests as RFC 9110 requires', () => {
  for (const [name, headers, expected] of cases)
    assert.deepEqual(decide(headers, FILE), expected, name)
})

test('http: a granted range is inside the file and not empty', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.nat(5000),
      fc.option(fc.nat(6000)),
      fc.option(fc.nat(6000)),
      (junk, size, from, to) => {
        for (const header of [junk, `bytes=${from ?? ''}-${to ?? ''}`]) {
          const range = parseRange(header, size)
          if (typeof range === 'object')
            assert.ok(range.start >= 0 && range.start < range.end && range.end <= size)
        }
      },
    ),
  )
})
