/** Checks that a host name can't be mistaken for an id, a keyword or another name. */
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  hostNameError,
  hostNameFault,
  isIdPrefix,
  requireHostName,
  requireNoIdOf,
} from './host-name.ts'

const id = '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10'

test('host name: rejects keywords, ids, id prefixes, numbers and non-ASCII letters', () => {
  for (const name of [
    ['all', 'All', 'ALL', 'any', 'none', 'self'],
    [id, id.toUpperCase(), id.slice(0, 8), id.slice(0, 13), id.slice(0, 9)],
    ['deadbeef', 'DEADBEEF01', '0198f3b1', 'ab'.repeat(32)],
    ['1', '7', '2026', '99999999'],
    ['', '.', '..', '-', '-x', '--name', '_x', '.x', 'a b', ' a', 'a\n', 'a\t', 'a\u0000'],
    ['a/b', '../x', 'a\\b', 'role=web', 'a,b', 'a=b', 'a:b', 'SHA256:abc', 'a@b', "a'b", '$(id)'],
    [
      'wеb-1',
      'ｗeb',
      'web\u200b',
      'İstanbul',
      'straße',
      'ſerver',

      'web-１',
      '名前',
      '\u202ea',
    ],
    'x'.repeat(65),
  ].flat()) {
    assert.notEqual(hostNameFault(name), undefined, JSON.stringify(name))
    assert.throws(
      () => requireHostName(name),
      (error) => hostNameError.is(error) && error.exit === 'usage',
    )
  }
})

test('host name: no valid name is the suffix of an id', () => {
  for (let length = 8; length <= id.length; length += 1) {
    const end = id.slice(-length)
    assert.notEqual(hostNameFault(end), undefined, end)
    assert.notEqual(hostNameFault(end.toUpperCase()), undefined, end)
  }
})

test('host name: accepts common machine names', () => {
  for (const name of [
    [
      'web-1',
      'db',
      'db-1',
      'dead-beef',
      'a1',
      'x',
      'ada',
      'b2',
      'localhost',
      'web-1.example.com',
      'WEB_2',
    ],
    ['db01', 'dc02', 'CAFE', 'fe80', 'beef', 'decade'],
    ['allhosts', 'coffee', 'facade-1x', '1u-server', 'x'.repeat(64)],
  ].flat())
    assert.equal(hostNameFault(name), undefined, name)
})

test('host name: no valid name is the prefix of an id', () => {
  for (let length = 1; length <= id.length; length += 1) {
    const prefix = id.slice(0, length)
    assert.equal(isIdPrefix(prefix), length >= 4)
    if (length >= 8) assert.notEqual(hostNameFault(prefix), undefined, prefix)
  }
})

test('host name: rejects part of another host’s id, in any letter case', () => {
  for (const part of [id.slice(0, 4), id.slice(0, 7), id.slice(-4), id.slice(-6).toUpperCase()])
    assert.throws(() => requireNoIdOf([id], part), { code: 'host-name.refused' }, part)
  for (const name of ['3f0', 'db01', 'web-1']) requireNoIdOf([id], name)
})
