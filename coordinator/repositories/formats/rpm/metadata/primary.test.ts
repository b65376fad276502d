import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readPrimary } from './primary.ts'
import type { ListedPackage } from '../../../model/package.ts'
import { MAX_TOKEN } from './xml.ts'

interface Fields {
  name?: string
  arch?: string
  version?: string
  checksum?: string
  size?: string
  location?: string
  attributes?: string
}
const SHA = 'ab'.repeat(32)
const one = (fields: Fields = {}): string => `<package${fields.attributes ?? ' type="rpm"'}>
  <name>${fields.name ?? 'foo'}</name>
  <arch>${fields.arch ?? 'x86_64'}</arch>
  ${fields.version ?? '<version epoch="1" ver="2.0~rc1" rel="3.el9"/>'}
  ${fields.checksum ?? `<checksum type="sha256" pkgid="YES">${SHA}</checksum>`}
  <summary>A &amp; B &#x4e00;</summary>
  <description><![CDATA[text <name>x</name> ]]></description>
  <packager/><url>http://example.invalid/</url>
  <time file="1700000001" build="1700000000"/>
  ${fields.size ?? '<size package="1000" installed="5000" archive="6000"/>'}
  ${fields.location ?? '<location href="Packages/f/foo &amp; bar.rpm"/>'}
  <format><rpm:sourcerpm>foo.src.rpm</rpm:sourcerpm>
  <rpm:provides><rpm:entry name="foo"/></rpm:provides><file>/usr/bin/foo</file></format>
</package>`
const NAMES =
  'xmlns="http://linux.duke.edu/metadata/common" ' +
  'xmlns:rpm="http://linux.duke.edu/metadata/rpm"'
const document = (...packages: string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<metadata ${NAMES} packages="${packages.length}">` +
  `${packages.join('\n')}</metadata>`

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
async function read(text: string | Uint8Array, size = 65536): Promise<ListedPackage[]> {
  const found: ListedPackage[] = []
  for await (const each of readPrimary(chunks(Buffer.from(text), size), 'primary.xml'))
    found.push(each)
  return found
}

test('primary: yields each package with the values that a mirror needs', async () => {
  assert.deepEqual(await read(document(one())), [
    {
      name: 'foo',
      arch: 'x86_64',
      epoch: 1,
      version: '2.0~rc1',
      release: '3.el9',
      checksum: { kind: 'sha256', value: SHA },
      size: 1000,
      href: 'Packages/f/foo & bar.rpm',
      source: 'foo.src.rpm',
      buildTime: 1700000000,
    },
  ])
  assert.deepEqual(await read(document()), [])
  const [plain] = await read(
    document(one({ version: '<version ver="1" rel="2"/>', attributes: '' })),
  )
  assert.equal(plain?.epoch, 0)
})

test('RS-11: reads primary metadata the same way wherever its chunks end', async () => {
  const text = document(one(), one({ name: 'zweites-漢字' }), one({ name: 'third' }))
  const whole = await read(text)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 200 }), async (size) =>
      assert.deepEqual(await read(text, size), whole),
    ),
    { numRuns: 40 },
  )
  assert.deepEqual(await read(text, 1), whole)
})

const refused: [string, string | Uint8Array, RegExp][] = [
  [
    'RS-01 traversal',
    document(one({ location: '<location href="../../etc/passwd"/>' })),
    /package 1 \(foo\): the path has a \.\. segment/,
  ],
  ['RS-01 no location', document(one({ location: '' })), /the path is empty/],
  [
    'RS-01 among the metadata',
    document(one({ location: '<location href="repodata/repomd.xml"/>' })),
    /among the repository metadata/,
  ],
  [
    'RS-02 another host',
    document(one({ location: '<location xml:base="http://evil/" href="x.rpm"/>' })),
    /another place/,
  ],
  [
    'RS-12 digest is a path',
    document(one({ checksum: '<checksum type="sha256">../../../tmp/escape</checksum>' })),
    /not 64 hex digits/,
  ],
  [
    'RS-12 digest of 63',
    document(one({ checksum: `<checksum type="sha256">${'a'.repeat(63)}</checksum>` })),
    /not 64 hex digits/,
  ],
  [
    'RS-12 no digest',
    document(one({ checksum: '<checksum type="sha256"/>' })),
    /not 64 hex digits/,
  ],
  [
    'RS-12 md5',
    document(one({ checksum: `<checksum type="md5">${'a'.repeat(32)}</checksum>` })),
    /md5, which is not secure/,
  ],
  [
    'RS-12 two digests',
    document(
      one({
        checksum: `<checksum type="sha256">${SHA}</checksum>`.repeat(2),
      }),
    ),
    /two checksum/,
  ],
  ['RS-22 slash in the name', document(one({ name: 'a/b' })), /its name is "a\/b"/],
  ['RS-22 newline in the name', document(one({ name: 'a\nb' })), /its name is "a\\nb"/],
  ['RS-22 right-to-left override', document(one({ name: 'a\u202eb' })), /its name is/],
  [
    'RS-22 epoch -1',
    document(one({ version: '<version epoch="-1" ver="1" rel="1"/>' })),
    /epoch is "-1"/,
  ],
  ['no version', document(one({ version: '' })), /its version is ""/],
  ['no size', document(one({ size: '' })), /its size is/],
  ['size 2^63', document(one({ size: '<size package="9223372036854775807"/>' })), /its size is/],
  ['another kind of package', document(one({ attributes: ' type="deb"' })), /type "deb", not rpm/],
  ['a web page', '<html><body>proxy</body></html>', /root element is html/],
  [
    'RS-09 billion laughs',
    `<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${document(one({ name: '&b;' }))}`,
    /DOCTYPE|well-formed/,
  ],
  [
    'RS-09 external entity',
    `<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><metadata>&x;</metadata>`,
    /DOCTYPE|well-formed/,
  ],
  ['RS-09 an undeclared entity', document(one({ name: '&x;' })), /well-formed/],
  ['RS-10 depth', `<metadata>${'<a>'.repeat(1000)}`, /deeper than 32/],
  [
    'RS-10 attributes',
    `<metadata><a ${Array.from({ length: 100 }, (_, i) => `x${i}=""`).join(' ')}/></metadata>`,
    /more than 64 attributes/,
  ],
  ['RS-10 long text', document(one({ name: 'x'.repeat(MAX_TOKEN + 200_000) })), /longer than/],
  [
    'RS-10 long text in parts',
    document(one({ name: `<![CDATA[${'x'.repeat(1000)}]]><!-- -->`.repeat(1100) })),
    /longer than/,
  ],
  [
    'two places',
    document(one({ location: '<location href="a.rpm"/><location href="b.rpm"/>' })),
    /two location elements/,
  ],
  ['RS-10 long attribute', `<metadata a="${'x'.repeat(MAX_TOKEN + 200_000)}"/>`, /longer than/],
  [
    'RS-10 invalid UTF-8',
    Buffer.concat([
      Buffer.from('<metadata>'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('</metadata>'),
    ]),
    /not UTF-8/,
  ],
  [
    'RS-10 cut UTF-8',
    Buffer.concat([Buffer.from('<metadata/>'), Buffer.from([0xe4])]),
    /not UTF-8/,
  ],
  ['RS-10 UTF-16', Buffer.from('\ufeff<metadata/>', 'utf16le'), /not UTF-8/],
  [
    'RS-10 another declared encoding',
    '<?xml version="1.0" encoding="iso-8859-1"?><metadata/>',
    /iso-8859-1/,
  ],
  ['RS-10 NUL', document(one({ name: 'a\0b' })), /well-formed/],
  ['cut', document(one()).slice(0, -20), /well-formed/],
  ['two roots', `${document()}<metadata/>`, /well-formed/],
  ['nothing', '', /empty/],
]

test('RS-01, RS-09, RS-10, RS-12, RS-22: rejects harmful primary metadata', async () => {
  for (const [name, input, reason] of refused)
    await assert.rejects(read(input), { code: 'mirror.metadata', message: reason }, name)
})

test('RS-10: never holds the parts of a package that it does not read', async () => {
  const huge = 'x'.repeat(1_000_000)
  async function* source(): AsyncGenerator<Uint8Array> {
    const [head, tail] = document(one()).split('<packager/>') as [string, string]
    yield Buffer.from(head)
    for (let index = 0; index < 40; index += 1)
      yield Buffer.from(`<made-up-${index}>${huge}</made-up-${index}>`)
    yield Buffer.from(tail)
  }
  const before = process.resourceUsage().maxRSS
  const found = await Array.fromAsync(readPrimary(source(), 'primary.xml'))
  assert.equal(found.length, 1)
  const grown = (process.resourceUsage().maxRSS - before) / 1024
  assert.ok(grown < 35, `reading 40 MB of it took ${Math.round(grown)} MiB`)
})
