import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { joinPackages, type PackageSource, packagePieces } from './package-xml.ts'
import { readRepomd } from './repomd.ts'
import { repomdText } from './repomd-text.ts'
import { ownHref } from '../../../model/href.ts'

async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const packages = [
  '<package pkgid="aa" name="a"><file>/a &amp; b</file></package>',
  '<package pkgid="bb"><d><![CDATA[ </package><package> ]]></d><!-- </package> --></package>',
  '<package\r\n  pkgid = "cc"\n><f>日本語 𝕏𝕐 &#x1F600;</f>\r\n</package  >',
  '<package pkgid="dd"/>',
  '<package pkgid="ee"><package>inside</package></package>',
]
const NAMES = 'xmlns="http://linux.duke.edu/metadata/filelists" xmlns:x="y&amp;z"'
const document =
  `<?xml version="1.0"?>\r\n<!-- <package> --><filelists packages="5" ${NAMES}>\n  ` +
  `${packages.join('\n 𝕏 ')}<other/>\n</filelists>\n`

const source = (text: string, keep: PackageSource['keep'], size = 65536): PackageSource => ({
  file: 'f',
  bytes: () => chunks(text, size),
  keep,
})
const joined = async (sources: PackageSource[], count: number): Promise<string> =>
  (await Array.fromAsync(joinPackages(sources, count))).join('')

test('copies packages from metadata exactly, wherever chunks end', async () => {
  const cut = async (size: number): Promise<string[]> =>
    (await Array.fromAsync(packagePieces(chunks(document, size), 'f'))).flatMap((piece) =>
      piece.kind === 'package' ? [piece.text] : [],
    )
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 400 }), async (size) =>
      assert.deepEqual(await cut(size), packages),
    ),
    { numRuns: 100 },
  )
  assert.deepEqual(await cut(1), packages)
})

test('joins chosen packages of several documents under the first root', async () => {
  const first = await joined([source(document, (_, pkgid) => pkgid !== 'bb')], 4)
  assert.ok(first.includes(`<filelists packages="4" ${NAMES}>`), first)
  const both = await joined(
    [source(first, (index) => index === 3), source(document, (_, pkgid) => pkgid === 'bb')],
    2,
  )
  const texts = (await Array.fromAsync(packagePieces(chunks(both, 9), 'f'))).flatMap((piece) =>
    piece.kind === 'package' ? [piece.text] : [],
  )
  assert.deepEqual(texts, [packages[4], packages[1]])
})

test('rejects documents that do not fit together or lack a package', async () => {
  const other = (head: string): PackageSource =>
    source(`<${head}><package pkgid="ff"/></${head.split(' ')[0]}>`, () => true)
  await assert.rejects(joined([source(document, () => true)], 6), {
    code: 'mirror.metadata',
    message: /describes 5 of 6/,
  })
  await assert.rejects(joined([source(document, () => true), other('otherdata')], 6), {
    message: /root element is otherdata/,
  })
  await assert.rejects(
    joined([source(document, () => true), other('filelists xmlns:x="evil"')], 6),
    { message: /namespaces/ },
  )
  await assert.rejects(joined([source('<a><package></a>', () => true)], 1), {
    code: 'mirror.metadata',
    message: /well-formed/,
  })
})

test('RS-10: rejects a package with an endless description, and does not hold it', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('<filelists><package>')
    for (;;) yield Buffer.from('<file>/some/file/of/this/package</file>'.repeat(25_000))
  }
  await assert.rejects(Array.fromAsync(packagePieces(endless(), 'f')), {
    code: 'mirror.metadata',
    message: /longer than/,
  })
})

test('reads back the repomd.xml that Muster writes', () => {
  const checksum = { kind: 'sha256' as const, value: 'ab'.repeat(32) }
  const full = {
    type: 'primary',
    href: ownHref('repodata/a&"<b>.xml'),
    checksum,
    openChecksum: checksum,
    size: 5,
    openSize: 9,
    timestamp: 7,
  }
  const repomd = {
    revision: '1 & <2>',
    records: [full, { type: 'group', href: ownHref('comps.xml'), checksum }],
  }
  assert.deepEqual(readRepomd(Buffer.from(repomdText(repomd))), repomd)
})
