import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_RECORDS, readRepomd } from './repomd.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const record = (
  type: string,
  href: string,
  extra = '',
  checksum = `<checksum type="sha256">${A}</checksum>`,
): string => `<data type="${type}">${checksum}<location href="${href}"/>${extra}</data>`
const repomd = (...records: string[]): Uint8Array =>
  Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision> 1700000000 </revision>
${records.join('')}</repomd>`)
const PRIMARY = record(
  'primary',
  'repodata/primary.xml.gz',
  '<size>813</size><open-size>3208</open-size><timestamp>1700000000</timestamp>',
)

test('repomd: reads records with checksums, sizes and paths', () => {
  const read = readRepomd(
    repomd(
      record(
        'filelists',
        'repodata/f.xml.gz',
        `<open-checksum type="sha512">${'C'.repeat(128)}</open-checksum>`,
        `<checksum type="SHA256">\n ${B.toUpperCase()} </checksum>`,
      ),
      PRIMARY,
    ),
  )
  assert.equal(read.revision, '1700000000')
  assert.deepEqual(read.records, [
    {
      type: 'filelists',
      href: 'repodata/f.xml.gz',
      checksum: { kind: 'sha256', value: B },
      openChecksum: { kind: 'sha512', value: 'c'.repeat(128) },
    },
    {
      type: 'primary',
      href: 'repodata/primary.xml.gz',
      checksum: { kind: 'sha256', value: A },
      size: 813,
      openSize: 3208,
      timestamp: 1700000000,
    },
  ])
})

const refused: [string, Uint8Array, RegExp][] = [
  ['empty', Buffer.from(''), /empty/],
  ['a web page', Buffer.from('<html><body>Log in</body></html>'), /root element is html/],
  ['not XML', Buffer.from('hello'), /not well-formed/],
  ['cut', repomd(PRIMARY).subarray(0, 200), /not well-formed/],
  ['without primary', repomd(record('filelists', 'repodata/f.xml.gz')), /lists no primary/],
  ['sqlite only', repomd(record('primary_db', 'repodata/p.sqlite.xz')), /only sqlite/],
  [
    'two different primaries',
    repomd(PRIMARY, record('primary', 'repodata/other.xml.gz')),
    /two different records for type primary/,
  ],
  [
    'two types, one file',
    repomd(PRIMARY, record('other', 'repodata/primary.xml.gz')),
    /two different records/,
  ],
  ['RS-01 traversal', repomd(record('primary', '../../etc/passwd')), /\.\. segment/],
  [
    'RS-02 another host',
    repomd(
      `<data type="primary"><checksum type="sha256">${A}</checksum>` +
        '<location xml:base="http://evil/" href="p"/></data>',
    ),
    /another place/,
  ],
  [
    'naming repomd.xml',
    repomd(record('primary', 'repodata/repomd.xml')),
    /names repomd.xml itself/,
  ],
  [
    'RS-12 md5',
    repomd(record('primary', 'p', '', `<checksum type="md5">${'a'.repeat(32)}</checksum>`)),
    /md5, which is not secure/,
  ],
  [
    'RS-12 sha1',
    repomd(record('primary', 'p', '', `<checksum type="sha">${'a'.repeat(40)}</checksum>`)),
    /not secure/,
  ],
  [
    'RS-12 unknown',
    repomd(record('primary', 'p', '', '<checksum type="crc32">00000000</checksum>')),
    /"crc32" is unknown/,
  ],
  [
    'RS-12 a method of objects',
    repomd(record('primary', 'p', '', '<checksum type="constructor">00</checksum>')),
    /is unknown/,
  ],
  [
    'RS-12 wrong length',
    repomd(record('primary', 'p', '', `<checksum type="sha256">${'a'.repeat(63)}</checksum>`)),
    /not 64 hex digits/,
  ],
  ['without checksum', repomd(record('primary', 'p', '', '')), /no checksum/],
  [
    'RS-04 size 2^63',
    repomd(record('primary', 'p', '<size>9223372036854775807</size>')),
    /the size of its primary record/,
  ],
  [
    'RS-04 negative size',
    repomd(record('primary', 'p', '<open-size>-1</open-size>')),
    /the open-size/,
  ],
  [
    'RS-03 too many records',
    repomd(PRIMARY, ...Array.from({ length: MAX_RECORDS }, (_, i) => record(`t${i}`, `f${i}`))),
    /more than 256 files/,
  ],
  [
    'RS-09 a DOCTYPE',
    Buffer.from(`<!DOCTYPE r [<!ENTITY a "b">]>${Buffer.from(repomd(PRIMARY))}`),
    /DOCTYPE|not well-formed/,
  ],
]

test('RS-03: rejects an invalid or harmful repomd.xml with the reason', () => {
  for (const [name, bytes, reason] of refused)
    assert.throws(() => readRepomd(bytes), { code: /^mirror\./, message: reason }, name)
})

test('the same record twice in repomd.xml counts once', () => {
  assert.equal(readRepomd(repomd(PRIMARY, PRIMARY)).records.length, 1)
})
