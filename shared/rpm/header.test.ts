import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  headerEntry,
  int16,
  int32,
  string,
  strings,
  translated,
  bin,
  writeDatabaseHeader,
  writeHeader,
} from '../../fixtures/rpm/header.ts'
import { MusterError } from '../errors.ts'
import { headerLength, readHeader } from './header.ts'
import { TAG, TYPE } from './tags.ts'

const good = writeHeader(
  TAG.region,
  new Map([
    [TAG.name, string('harbor')],
    [TAG.epoch, int32(4_294_967_295)],
    [TAG.summary, translated('schön')],
    [TAG.fileModes, int16(0o100644, 0o040755)],
    [TAG.baseNames, strings('a', '', 'c')],
    [TAG.payloadDigest, strings('00')],
    [5999, bin(Buffer.from([1, 2, 3]))],
  ]),
)

const read = (bytes: Uint8Array): ReturnType<typeof readHeader> =>
  readHeader(bytes, { form: 'package', what: 'test' })

/** Builds a header of raw entries and data. The region is first and the trailer last. */
function raw(
  entries: readonly Buffer[],
  data: Buffer,
  change: { region?: Buffer; trailer?: Buffer; entries?: number; length?: number } = {},
): Buffer {
  const intro = Buffer.alloc(16)
  intro.writeUInt32BE(0x8eade801, 0)
  intro.writeUInt32BE(change.entries ?? entries.length + 1, 8)
  intro.writeUInt32BE(change.length ?? data.length + 16, 12)
  const region = change.region ?? headerEntry(TAG.region, TYPE.bin, data.length, 16)
  const trailer =
    change.trailer ?? headerEntry(TAG.region, TYPE.bin, -(entries.length + 1) * 16, 16)
  return Buffer.concat([intro, region, ...entries, data, trailer])
}

function refused(bytes: Uint8Array, reason: RegExp): void {
  assert.throws(() => read(bytes), { code: 'rpm.header', message: reason })
}

test('rpm header: returns values by tag and type', () => {
  const header = read(good)
  assert.equal(header.string(TAG.name), 'harbor')
  assert.equal(header.number(TAG.epoch), 4_294_967_295)
  assert.equal(header.string(TAG.summary), 'schön')
  assert.deepEqual(header.numbers(TAG.fileModes), [0o100644, 0o040755])
  assert.deepEqual(header.strings(TAG.baseNames), ['a', '', 'c'])
  assert.deepEqual(Buffer.from(header.bytes(5999) ?? []), Buffer.from([1, 2, 3]))
  assert.equal(header.string(TAG.version), undefined)
  assert.equal(headerLength(good, { form: 'package', what: 'test' }), good.length)
})

test('rpm header: rejects access to a tag of another type', () => {
  assert.throws(() => read(good).number(TAG.name), {
    code: 'rpm.header',
    message: /tag 1000 has type 6/,
  })
  assert.throws(() => read(good).string(TAG.epoch), { code: 'rpm.header' })
})

test('rpm header: entries after the region of a database header replace those inside', () => {
  const stored = writeDatabaseHeader(
    good,
    new Map([
      [TAG.installTime, int32(1_700_000_001)],
      [TAG.name, string('renamed')],
    ]),
  )
  const header = readHeader(stored, { form: 'database', what: 'test' })
  assert.equal(header.number(TAG.installTime), 1_700_000_001)
  assert.equal(header.string(TAG.name), 'renamed')
  assert.equal(header.string(TAG.summary), 'schön')
})

test('RS-21: rejects counts beyond rpm’s limits before any allocation', () => {
  refused(raw([], Buffer.alloc(0), { entries: 0x10000 }), /65536 entries/)
  refused(raw([], Buffer.alloc(0), { entries: 0 }), /0 entries/)
  refused(raw([], Buffer.alloc(0), { length: 0x10000000 }), /268435456 bytes/)
  refused(raw([], Buffer.alloc(0), { entries: 0xffff }), /its sizes add up/)
  const intro = raw([], Buffer.alloc(0), { entries: 33 }).subarray(0, 16)
  assert.throws(() => headerLength(intro, { form: 'signature', what: 'test' }), {
    message: /at most 32/,
  })
  assert.equal(headerLength(intro, { form: 'package', what: 'test' }), 16 + 33 * 16 + 16)
})

test('RS-21: rejects bad offsets, overlaps, alignment, counts and types', () => {
  const data = Buffer.from('name\0\0\0\0version\0')
  const entry = (tag: number, type: number, offset: number, count: number): Buffer =>
    raw([headerEntry(tag, type, offset, count)], data)
  refused(entry(TAG.name, TYPE.string, 1000, 1), /begins outside/)
  refused(entry(TAG.name, TYPE.string, -1, 1), /overlaps/)
  refused(entry(TAG.name, TYPE.string, 0, 2), /no room/)
  refused(entry(TAG.name, TYPE.string, 0, 0), /no room/)
  refused(entry(TAG.baseNames, TYPE.stringArray, 0, 0), /no room/)
  refused(entry(TAG.baseNames, TYPE.stringArray, 0, 0xffffffff), /no room/)
  refused(entry(TAG.size, TYPE.int32, 0, 0), /no room/)
  refused(entry(TAG.size, TYPE.int32, 0, 0x40000001), /no room/)
  refused(entry(TAG.size, TYPE.int32, 2, 1), /aligned/)
  refused(entry(TAG.size, TYPE.null, 0, 1), /unknown type 0/)
  refused(entry(TAG.size, 10, 0, 1), /unknown type 10/)
  refused(entry(99, TYPE.string, 0, 1), /reserved tag 99/)
  refused(
    raw(
      [headerEntry(TAG.name, TYPE.string, 0, 1), headerEntry(TAG.version, TYPE.string, 2, 1)],
      data,
    ),
    /overlaps/,
  )
  refused(
    raw([headerEntry(TAG.name, TYPE.string, 0, 1), headerEntry(TAG.name, TYPE.string, 8, 1)], data),
    /twice/,
  )
  refused(raw([headerEntry(TAG.name, TYPE.bin, 0, data.length + 17)], data), /no room/)
})

test('RS-21: rejects an unterminated string', () => {
  const end = headerEntry(TAG.region, TYPE.bin, -32, 16)
  const bytes = raw([headerEntry(TAG.name, TYPE.stringArray, 0, 20)], Buffer.from('abcd'), {
    trailer: end,
  })
  refused(bytes, /no room for its 20 values/)
})

test('RS-21: rejects a wrong region or region trailer', () => {
  const data = Buffer.from('name\0')
  const entries = [headerEntry(TAG.name, TYPE.string, 0, 1)]
  refused(raw(entries, data, { region: headerEntry(62, TYPE.bin, 5, 16) }), /not the region 63/)
  refused(
    raw(entries, data, { region: headerEntry(TAG.region, TYPE.bin, 5, 15) }),
    /wrong type or count/,
  )
  refused(
    raw(entries, data, { region: headerEntry(TAG.region, TYPE.bin, 6, 16) }),
    /outside the data/,
  )
  refused(
    raw(entries, data, { region: headerEntry(TAG.region, TYPE.bin, -8, 16) }),
    /outside the data/,
  )
  refused(
    raw(entries, data, { trailer: headerEntry(TAG.region, TYPE.bin, -16, 16) }),
    /does not cover/,
  )
  refused(
    raw(entries, data, { trailer: headerEntry(TAG.region, TYPE.bin, -33, 16) }),
    /claims 33 bytes/,
  )
  refused(
    raw(entries, data, { trailer: headerEntry(TAG.region, TYPE.bin, -2147483648, 16) }),
    /claims/,
  )
  refused(raw(entries, data, { trailer: headerEntry(62, TYPE.bin, -32, 16) }), /trailer is wrong/)
  refused(
    raw(entries, data, { trailer: headerEntry(TAG.region, TYPE.int32, -32, 16) }),
    /trailer is wrong/,
  )
})

test('RS-21: any bytes and any changed header are read or rejected', () => {
  const attempt = (bytes: Uint8Array, form: 'package' | 'database'): void => {
    try {
      const header = readHeader(bytes, { form, what: 'fuzz' })
      for (const tag of header.tags) {
        for (const access of [header.strings, header.numbers, header.bytes]) {
          try {
            access(tag)
          } catch (error) {
            assert.ok(error instanceof MusterError, String(error))
          }
        }
      }
    } catch (error) {
      assert.ok(error instanceof MusterError, String(error))
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => attempt(bytes, 'database')))
  const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }))
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.nat({ max: good.length }),
      (changes, cut) => {
        const bytes = Buffer.from(good)
        for (const [at, value] of changes) bytes[at] = value
        attempt(bytes, 'package')
        attempt(bytes.subarray(0, cut), 'package')
        attempt(bytes.subarray(8), 'database')
      },
    ),
    { numRuns: 3000 },
  )
})
