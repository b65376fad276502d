import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareDpkg, dpkgVersions } from './dpkg-version.ts'
import { describeManager, readVectors } from './testing.ts'

const vectors = readVectors('dpkg-version.tsv')
describeManager(dpkgVersions, vectors)

const order = (a: string, b: string): number =>
  compareDpkg(dpkgVersions.parse(a), dpkgVersions.parse(b))

test('dpkg versions: there are at least 500 fixed pairs', () => {
  assert.ok(vectors.length >= 500)
})

test('dpkg versions: letters are older than other characters, a tilde older than the end', () => {
  assert.equal(order('1.0a', '1.0+'), -1)
  assert.equal(order('1.0~rc1', '1.0'), -1)
  assert.equal(order('1.0', '1.0^1'), -1)
  assert.equal(order('1.18.0-6ubuntu14.4', '1.18.0-6+deb11u3'), -1)
})

test('dpkg versions: absent epochs and revisions are 0, and leading zeros do not count', () => {
  assert.equal(order('0:1.0', '1.0-0'), 0)
  assert.equal(order('1.0', '1:0.1'), -1)
  assert.equal(order('1.001', '1.1'), 0)
  assert.equal(order('1.0', '1.0-1'), -1)
})
