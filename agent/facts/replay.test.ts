import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../../shared/canonical-json.ts'
import { diff } from '../../shared/facts/events.ts'
import { factPackage, factSet, rootOf } from '../../shared/facts/package-set.ts'
import { replay } from './replay.ts'

const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' }
const pkg = (number: number) => factPackage('rpm', `p${number}`, 'noarch', '1-1')
const setOf = (count: number) =>
  factSet(
    os,
    Array.from({ length: count }, (_, i) => pkg(i)),
  )
const at = '2026-01-31T08:00:00.000Z'
const full = { kind: 'full', epoch: 1, sequence: 1, root: rootOf(setOf(1)), at, set: setOf(1) }
/** Returns the update after which the host has `count` packages. */
const grown = (count: number, changes: object = {}) => {
  const events = diff(setOf(count - 1).packages, setOf(count).packages, at)
  return {
    kind: 'events',
    epoch: 1,
    sequence: count,
    root: rootOf(setOf(count)),
    at,
    events,
    ...changes,
  }
}
const replayed = (...records: object[]) => replay(records as unknown as Json[])

test('facts replay: consecutive updates lead to the set of the last one', () => {
  const { state, kept } = replayed(full, grown(2), grown(3))
  assert.deepEqual([state?.sequence, state?.set], [3, setOf(3)])
  assert.deepEqual(
    kept.map(({ sequence }) => sequence),
    [2, 3],
  )
})

test('facts replay: rejects a gap, a repetition, another epoch or a wrong root', () => {
  assert.throws(() => replayed(full, grown(3)), /update 1\.3 follows 1\.1/)
  assert.throws(() => replayed(full, grown(2), grown(2)), /update 1\.2 follows 1\.2/)
  assert.throws(() => replayed(full, grown(2, { epoch: 2 })), /update 2\.2 follows 1\.1/)
  assert.throws(
    () => replayed(full, grown(2, { root: rootOf(setOf(3)) })),
    /its set does not match its root/,
  )
})

test('facts replay: keeps updates before the base without applying them', () => {
  const { state, kept } = replayed(
    grown(2),
    { ...full, kind: 'base', sequence: 2, root: rootOf(setOf(2)), set: setOf(2) },
    grown(3),
  )
  assert.deepEqual([state?.sequence, state?.set, kept.length], [3, setOf(3), 2])
})
