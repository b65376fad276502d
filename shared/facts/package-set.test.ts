import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake3Of } from '../blake3/hash.ts'
import { canonicalJson, type Json } from '../canonical-json.ts'
import {
  type FactPackage,
  factPackage,
  factSet,
  factSetBytes,
  MAX_PACKAGE_BYTES,
  MAX_PACKAGES,
  parseFactSet,
  rootOf,
} from './package-set.ts'

const os = {
  id: 'debian',
  version: '12',
  name: 'Debian GNU/Linux 12',
  kernel: '6.1',
  arch: 'x86_64',
  hostname: 'a1',
}
const packages = [
  factPackage('rpm', 'kernel', 'x86_64', '5.14-2'),
  factPackage('dpkg', 'apt', 'amd64', '2.6.1'),
  factPackage('rpm', 'kernel', 'x86_64', '5.14-1'),
  factPackage('dpkg', 'dash', 'amd64', '1:0.5-2-3'),
]
const encoded =
  '{"os":{"arch":"x86_64","hostname":"a1","id":"debian","kernel":"6.1",' +
  '"name":"Debian GNU/Linux 12","version":"12"},"packages":[' +
  '{"arch":"amd64","epoch":0,"manager":"dpkg","name":"apt","release":"","version":"2.6.1"},' +
  '{"arch":"amd64","epoch":1,"manager":"dpkg","name":"dash","release":"3","version":"0.5-2"},' +
  '{"arch":"x86_64","epoch":0,"manager":"rpm","name":"kernel","release":"1","version":"5.14"},' +
  '{"arch":"x86_64","epoch":0,"manager":"rpm","name":"kernel","release":"2","version":"5.14"}]}'

test('facts set: has one encoding for any order, and its BLAKE3 is the root', () => {
  const set = factSet(os, packages)
  assert.equal(Buffer.from(factSetBytes(set)).toString(), encoded)
  assert.equal(rootOf(set), blake3Of(Buffer.from(encoded)))
  // This is the output of b3sum for the text above.
  assert.equal(rootOf(set), '5a0d6ed44efd257f63ed7c151768984e2733226a1b11cd8a4b4dbce11ddb3246')
  assert.equal(rootOf(factSet(os, [...packages.toReversed(), ...packages])), rootOf(set))
})

test('facts set: parses its own encoding and no other', () => {
  assert.deepEqual(parseFactSet(Buffer.from(encoded)), factSet(os, packages))
  const refused = (text: string, message: RegExp): void => {
    assert.throws(() => parseFactSet(Buffer.from(text)), { message })
  }
  const [head, ...rows] = encoded.split(/(?=\{"arch":"(?:amd64|x86_64)","epoch)/) as [
    string,
    ...string[],
  ]
  refused(`${head}${rows[1]}${rows[0]}${rows.slice(2).join('')}`, /out of order/)
  refused(`${head}${rows[0]}${rows.join('')}`, /a duplicate/)
  refused(encoded.replace('"epoch":1', '"epoch":-1'), /epoch/)
  refused(encoded.replace('"name":"apt"', '"name":""'), /name/)
  refused(encoded.replace('"name":"apt"', `"name":"${'a'.repeat(513)}"`), /512/)
  refused(encoded.replace('"manager":"dpkg"', '"manager":"D pkg"'), /manager/)
  refused(
    encoded.replace('"release":"","version":"2.6.1"', '"release":"","version":"2.6-1"'),
    /ambiguous/,
  )
  refused(encoded.replace('"os":{', '"os": {'), /not canonical/)
})

test('facts set: rejects a package that no reader would accept', () => {
  const good = factPackage('dpkg', 'apt', 'amd64', '2.6.1')
  for (const odd of [
    { name: '' },
    { name: 'a'.repeat(513) },
    { arch: 'x'.repeat(513) },
    { version: '1\0' },
    { release: 'x'.repeat(513) },
  ])
    assert.throws(() => factSet(os, [good, { ...good, ...odd }]), {
      code: 'facts.malformed',
      message: /impossible name or version/,
    })
})

test('facts set: both sides reject a name and version too long for a PostgreSQL index', () => {
  const long = (length: number): FactPackage => ({
    ...factPackage('rpm', 'a', 'x86_64', '1-1'),
    name: '\u8afe'.repeat(500),
    version: 'x'.repeat(500),
    release: 'x'.repeat(length),
  })
  const limit = MAX_PACKAGE_BYTES - 3 * 500 - 500 - 'x86_64'.length
  const fits = factSet(os, [long(limit)])
  assert.deepEqual(parseFactSet(factSetBytes(fits)), fits)
  assert.throws(() => factSet(os, [long(limit + 1)]), {
    code: 'facts.malformed',
    message: /its name and version have 2049 bytes \(at most 2048 are allowed\)$/,
  })
  const sent = { os, packages: [long(limit + 1)] } as unknown as Json
  assert.throws(() => parseFactSet(Buffer.from(canonicalJson(sent))), {
    code: 'facts.malformed',
    message: /package 0: its name and version have 2049 bytes/,
  })
})

test('FG-12: rejects a set of too many packages', () => {
  const many = Array.from({ length: MAX_PACKAGES + 1 }, (_, i) =>
    factPackage('rpm', `p${i}`, 'noarch', '1-1'),
  )
  assert.throws(() => factSet(os, many), { code: 'facts.malformed', message: /at most 100000/ })
})
