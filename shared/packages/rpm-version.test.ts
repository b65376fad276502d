import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareEvr, compareVersions, formatEvr, parseEvr, rpmVersions } from './rpm-version.ts'
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

test('evr: what is written is read back', () => {
  const part = fc.string({ unit: fc.constantFrom(...'09az.~^+'), minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(fc.nat(), part, fc.oneof(part, fc.constant('')), (epoch, v, release) => {
      assert.deepEqual(parseEvr(formatEvr({ epoch, version: v, release })), {
        epoch,
        version: v,
        release,
      })
    }),
  )
  assert.deepEqual(parseEvr('7:1.2-3-4'), { epoch: 7, version: '1.2-3', release: '4' })
})

test('evr: a version of a million characters takes no longer than its length', () => {
  const long = `${'1.'.repeat(500_000)}`
  assert.equal(compareVersions(`${long}1`, `${long}2`), -1)
  assert.equal(compareVersions('0'.repeat(1_000_000), '1'), -1)
})
