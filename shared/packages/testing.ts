/** The contract of every package manager. Each manager's test runs it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PackageManager } from './manager.ts'

const RELATION: Readonly<Record<string, number>> = { '<': -1, '=': 0, '>': 1 }

export interface Vector {
  readonly left: string
  readonly relation: number
  readonly right: string
}

/** Reads the results of the manager's own tool from fixtures/vectors/versions. */
export function readVectors(file: string): Vector[] {
  const path = new URL(`../../fixtures/vectors/versions/${file}`, import.meta.url)
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [left = '', relation = '', right = ''] = line.split('\t')
      const order = RELATION[relation]
      if (order === undefined) throw new Error(`${file}: expected LEFT <=> RIGHT, got ${line}`)
      return { left, relation: order, right }
    })
}

const version = fc.string({ unit: fc.constantFrom(...'0019aZ.~^+'), minLength: 1, maxLength: 8 })
const versions = fc.record({
  epoch: fc.integer({ min: 0, max: 2 }),
  version,
  release: fc.oneof(fc.constant(''), version),
})

export function describeManager(manager: PackageManager, vectors: readonly Vector[]): void {
  const { name } = manager
  const sign = (a: string, b: string): number =>
    Math.sign(manager.compare(manager.parse(a), manager.parse(b)))

  test(`${name} versions: fixed pairs compare as the manager's own tool compares them`, () => {
    assert.ok(vectors.length > 0)
    for (const { left, relation, right } of vectors) {
      assert.equal(sign(left, right), relation, `${left} and ${right}`)
      assert.equal(sign(right, left), relation === 0 ? 0 : -relation, `${right} and ${left}`)
    }
  })

  test(`${name} versions: the order is total for any three versions`, () => {
    fc.assert(
      fc.property(versions, versions, versions, (a, b, c) => {
        assert.equal(manager.compare(a, a), 0)
        assert.equal(Math.sign(manager.compare(a, b)) + Math.sign(manager.compare(b, a)), 0)
        if (manager.compare(a, b) <= 0 && manager.compare(b, c) <= 0)
          assert.ok(manager.compare(a, c) <= 0)
      }),
      { numRuns: 5000 },
    )
  })

  test(`${name} versions: reads back the version that it wrote`, () => {
    fc.assert(
      fc.property(versions, (each) => {
        assert.deepEqual(manager.parse(manager.format(each)), { ...each })
      }),
    )
  })

  test(`${name} versions: in a condition a whole version has the same order`, () => {
    fc.assert(
      fc.property(versions, versions, version, version, (a, b, left, right) => {
        const [installed, wanted] = [
          { ...a, release: left },
          { ...b, release: right },
        ]
        const order = manager.compareToWanted(installed, wanted)
        assert.equal(order, manager.compare(installed, wanted))
      }),
    )
  })
}
