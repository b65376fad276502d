import assert from 'node:assert/strict'
import { posix } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodedHref, encodeHref, MAX_HREF_BYTES, ownHref, parseHref } from './href.ts'

const refused: [string, RegExp][] = [
  ['', /empty/],
  ['../../../etc/x', /\.\. segment/],
  ['a/../../x', /\.\. segment/],
  ['./a', /\. segment/],
  ['/etc/passwd', /absolute/],
  ['//evil/x', /absolute/],
  ['https://evil/x', /address/],
  ['file:/etc/passwd', /address/],
  ['a//b', /empty segment/],
  ['a/', /empty segment/],
  ['%2e%2e/x', /decoded.*\.\. segment/],
  ['a/%2e%2e%2fb', /decoded.*\.\. segment/],
  ['%2fetc/x', /decoded.*absolute/],
  ['a%00b', /decoded.*control/],
  ['..\\x', /backslash/],
  ['a%5c..', /decoded.*backslash/],
  ['a\u0000b', /control/],
  ['a\nb', /control/],
  ['evil\u202egpj.rpm', /direction/],
  [`${'a/'.repeat(2048)}x`, new RegExp(`${MAX_HREF_BYTES} bytes`)],
  ['n'.repeat(256), /255 bytes/],
  ['\ud800', /Unicode/],
]

test('RS-01: rejects paths that lead out of the repository or hide it', () => {
  for (const [text, reason] of refused) {
    const parsed = parseHref(text)
    assert.ok('reason' in parsed, `${JSON.stringify(text)} was accepted`)
    assert.match(parsed.reason, reason)
  }
})

test('RS-01: accepts names of real publishers, and requests the named file', () => {
  const names: [string, string][] = [
    [
      'Packages/e/evr-tilde-1.0~rc1^git1-1.el9.noarch.rpm',
      'Packages/e/evr-tilde-1.0~rc1%5Egit1-1.el9.noarch.rpm',
    ],
    [
      'Packages/with space & amp #1 %41 x.rpm',
      'Packages/with%20space%20%26%20amp%20%231%20%2541%20x.rpm',
    ],
    ['100%.rpm', '100%25.rpm'],
    ['a?b.rpm', 'a%3Fb.rpm'],
    ['名前.rpm', '%E5%90%8D%E5%89%8D.rpm'],
    ['foo-1:2-3.rpm', 'foo-1%3A2-3.rpm'],
    ['.treeinfo', '.treeinfo'],
    ['...', '...'],
  ]
  for (const [name, url] of names) {
    const parsed = parseHref(name)
    assert.ok('href' in parsed, `${name} was refused`)
    assert.equal(encodeHref(parsed.href), url)
  }
  assert.equal(decodedHref(ownHref('Packages/pad01-1%2E1.rpm')), 'Packages/pad01-1.1.rpm')
  assert.equal(decodedHref(ownHref('100%.rpm')), undefined)
})

test('RS-01: no accepted path leaves its folder, decoded or not', () => {
  const segment = fc.oneof(
    fc.constantFrom('.', '..', '%2e', '%2E%2e', '%2f', '', 'a', '..%2f', '%5c'),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 6 }), (segments) => {
      const parsed = parseHref(segments.join('/'))
      if ('reason' in parsed) return
      for (const path of [parsed.href, decodedHref(parsed.href) ?? parsed.href])
        assert.ok(posix.join('/root/folder', path).startsWith('/root/folder/'), path)
      const url = new URL(encodeHref(parsed.href), 'http://host/base/')
      assert.equal(url.host, 'host')
      assert.ok(url.pathname.startsWith('/base/'))
      assert.equal(url.search + url.hash, '')
    }),
  )
})
