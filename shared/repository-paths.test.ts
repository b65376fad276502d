import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  formatRepositoryPath,
  isSnapshotName,
  parseRepositoryPath,
  publishedPath,
  type RepositoryPath,
} from './repository-paths.ts'

/** Splits and decodes a path like a web server. */
const segmentsOf = (path: string): string[] =>
  path
    .split('/')
    .filter((each) => each !== '')
    .map(decodeURIComponent)

test('a formatted address of a repository parses to the same place', () => {
  const repository = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/).filter(isSnapshotName)
  const snapshot = fc.option(name, { nil: undefined })
  const segment = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => text !== '.' && text !== '..' && !/[/\\\p{Cc}]/u.test(text))
  const plain = { noNullPrototype: true }
  const place: fc.Arbitrary<RepositoryPath> = fc.oneof(
    fc.constant({ at: 'repositories' as const }),
    fc.record({ at: fc.constant('repository' as const), repository }, plain),
    fc.record({ at: fc.constant('snapshots' as const), repository }, plain),
    fc.record(
      { at: fc.constant('tree' as const), repository, snapshot, path: fc.array(segment) },
      plain,
    ),
  )
  fc.assert(
    fc.property(place, (each) => {
      assert.deepEqual(parseRepositoryPath(segmentsOf(formatRepositoryPath(each))), each)
    }),
  )
})

test('addresses of published trees end in a slash and escape reserved characters', () => {
  assert.equal(publishedPath('el9'), '/repos/el9/latest/')
  assert.equal(publishedPath('el9', '2026-11'), '/repos/el9/snapshots/2026-11/')
  const path = ['Packages', 'a b#c%d.rpm']
  assert.equal(
    formatRepositoryPath({ at: 'tree', repository: 'el9', snapshot: undefined, path }),
    '/repos/el9/latest/Packages/a%20b%23c%25d.rpm',
  )
})

test('rejects a path out of a repository, and a path that no repository can have', () => {
  for (const segments of [
    [],
    ['keys'],
    ['Repos', 'el9'],
    ['repos', '..'],
    ['repos', ''],
    ['repos', '-x'],
    ['repos', 'has blank', 'latest'],
    ['repos', 'a/b'],
    ['repos', 'x'.repeat(129)],
    ['repos', 'el9', 'other'],
    ['repos', 'el9', '.gen'],
    ['repos', 'el9', 'snapshots', '.gen'],
    ['repos', 'el9', 'snapshots', '..'],
    ['repos', 'el9', 'snapshots', 'ä'],
    ['repos', 'el9', 'snapshots', 'Upper'],
    ['repos', 'el9', 'snapshots', 'latest'],
    ['repos', 'el9', 'snapshots', 'dot.'],
    ['repos', 'el9', 'latest', '..', 'x'],
    ['repos', 'el9', 'latest', '.'],
    ['repos', 'el9', 'latest', ''],
    ['repos', 'el9', 'latest', 'a/../../b'],
    ['repos', 'el9', 'latest', 'a\\b'],
    ['repos', 'el9', 'latest', 'a\0b'],
    ['repos', 'el9', 'latest', 'a\nb'],
    ['repos', 'el9', 'latest', '\ud800'],
    ['repos', 'el9', 'snapshots', 's1', '..'],
  ])
    assert.equal(parseRepositoryPath(segments), undefined, JSON.stringify(segments))
})
