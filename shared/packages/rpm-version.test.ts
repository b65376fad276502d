import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseEvr } from './evr.ts'
import { compareEvr, compareVersions, rpmVersions } from './rpm-version.ts'
import { describeManager, readVectors as vectors } from './testing.ts'

describeManager(rpmVersions, vectors('rpm-evr.tsv'))

test('evr: version strings compare as rpm 4.18 compares them', () => {
  const cases = vectors('rpm-version.tsv')
  assert.ok(cases.length > 400)
  for (const { left, relation, right } of cases) {
    assert.equal(compareVersions(left, right), relation, `${left} and ${right}`)
    assert.equal(
      compareVersions(right, left),
      relation === 0 ? 0 : -relation,
      `${right} and ${left}`,
    )
  }
})

test('evr: epoch, version and release compare as rpm 4.18 compares them', () => {
  for (const { left, relation, right } of vectors('rpm-evr.tsv')) {
    assert.equal(compareEvr(parseEvr(left), parseEvr(right)), relation, `${left} and ${right}`)
  }
})

test('evr: the empty string is older than anything but separators and tildes', () => {
  assert.equal(compareVersions('', '1'), -1)
  assert.equal(compareVersions('', '.'), 0)
  assert.equal(compareVersions('', '~'), 1)
  assert.equal(compareVersions('', '^'), -1)
})

const version = fc.string({ unit: fc.constantFrom(...'0019aZ.~^_+é'), maxLength: 12 })

test('evr: the order is total: antisymmetric and transitive for any three strings', () => {
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(compareVersions(a, a), 0)
      assert.equal(compareVersions(a, b) + compareVersions(b, a), 0)
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
        assert.ok(compareVersions(a, c) <= 0)
    }),
    { numRuns: 5000 },
  )
})

test('evr: a version of a million characters is compared in linear time', () => {
  const long = `${'1.'.repeat(500_000)}`
  assert.equal(compareVersions(`${long}1`, `${long}2`), -1)
  assert.equal(compareVersions('0'.repeat(1_000_000), '1'), -1)
})
