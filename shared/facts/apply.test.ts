import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rfc3339 } from '../clock.ts'
import { apply, MAX_AHEAD_MS, MAX_EPOCH_JUMP, MAX_SEQUENCE_JUMP } from './apply.ts'
import type { Applied, FactState } from './apply.ts'
import { diff } from './events.ts'
import { factPackage, factSet, rootOf } from './package-set.ts'
import type { FactSet } from './package-set.ts'
import type { FactUpdate } from './update.ts'

const NOW = 1_800_000_000_000
const at = rfc3339(NOW)
const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' }
const setOf = (...versions: string[]): FactSet =>
  factSet(
    os,
    versions.map((v, i) => factPackage('rpm', `p${i}`, 'noarch', v)),
  )
const [one, two, three] = [setOf('1-1'), setOf('2-1'), setOf('2-1', '1-1')]

const full = (sequence: number, set: FactSet, epoch = 1): FactUpdate => ({
  epoch,
  sequence,
  root: rootOf(set),
  at,
  kind: 'full',
  set,
})
const events = (sequence: number, from: FactSet, to: FactSet, epoch = 1): FactUpdate => ({
  epoch,
  sequence,
  root: rootOf(to),
  at,
  kind: 'events',
  events: diff(from.packages, to.packages, at),
})

const go = (state: FactState | undefined, update: FactUpdate): Applied =>
  apply(state, update, { now: NOW })

function stateAfter(...updates: FactUpdate[]): FactState {
  let state: FactState | undefined
  for (const update of updates) {
    const applied = go(state, update)
    assert.equal(applied.result, 'applied')
    state = (applied as Applied & { result: 'applied' }).state
  }
  return state as FactState
}

test('facts apply: a full set after events adds its difference to the history', () => {
  const state = stateAfter(full(1, one), events(2, one, two))
  assert.deepEqual(state.set, two)
  const applied = go(state, full(3, three))
  assert.equal(applied.result, 'applied')
  assert.deepEqual(
    (applied as Applied & { result: 'applied' }).events,
    diff(two.packages, three.packages, at),
  )
})

test('facts apply: the first facts of a host add no history', () => {
  assert.deepEqual((go(undefined, full(7, three)) as Applied & { result: 'applied' }).events, [])
})

test('facts apply: a missing update is a gap after the present position', () => {
  const state = stateAfter(full(1, one))
  assert.deepEqual(go(state, events(3, two, three)), {
    result: 'gap',
    from: { epoch: 1, sequence: 1 },
    reason: 'missing',
  })
  assert.deepEqual(go(state, events(1, two, three, 2)), {
    result: 'gap',
    from: { epoch: 1, sequence: 1 },
    reason: 'missing',
  })
  assert.deepEqual(go(undefined, events(1, one, two)), {
    result: 'gap',
    from: { epoch: 0, sequence: 0 },
    reason: 'missing',
  })
})

test('facts apply: events that do not lead to the root ask for the full set', () => {
  const state = stateAfter(full(1, one))
  const want = { result: 'gap', from: { epoch: 0, sequence: 0 }, reason: 'root' }
  assert.deepEqual(go(state, { ...events(2, one, two), root: rootOf(three) }), want)
  assert.deepEqual(go(state, events(2, two, three)), want)
  assert.deepEqual(go(state, { ...full(2, two), root: rootOf(one) }), {
    result: 'refused',
    reason: 'root',
  })
})

test('FG-02: a replayed update changes nothing, at any later time', () => {
  const state = stateAfter(full(1, one), events(2, one, two), events(3, two, three))
  for (const replayed of [full(1, one), events(2, one, two), events(3, two, three), full(3, three)])
    assert.deepEqual(go(state, replayed), { result: 'known' })
})

test('FG-09: orders by epoch and sequence; replaces a time far ahead by the local time', () => {
  const state = stateAfter(full(2, one))
  const early = { ...events(3, one, two), at: rfc3339(0) }
  assert.equal(go(state, early).result, 'applied')
  const within = rfc3339(NOW + MAX_AHEAD_MS)
  for (const [claimed, kept] of [
    [within, within],
    [rfc3339(NOW + MAX_AHEAD_MS + 1), at],
    [rfc3339(NOW + 365 * 86_400_000), at],
  ] as const) {
    const update = events(3, one, two)
    const poisoned =
      update.kind === 'events'
        ? { ...update, at: claimed, events: update.events.map((e) => ({ ...e, at: claimed })) }
        : update
    const applied = go(state, poisoned)
    assert.equal(applied.result, 'applied')
    if (applied.result !== 'applied') return
    assert.deepEqual([applied.state.at, applied.events[0]?.at], [kept, kept])
  }
  assert.deepEqual(go(state, { ...full(1, two), at }), { result: 'known' })
})

test('FG-10: a leap of sequence or epoch is refused, a new epoch is not', () => {
  const state = stateAfter(full(5, one))
  assert.deepEqual(go(state, full(6 + MAX_SEQUENCE_JUMP, two)), {
    result: 'refused',
    reason: 'jump',
  })
  assert.deepEqual(go(state, full(Number.MAX_SAFE_INTEGER, two)), {
    result: 'refused',
    reason: 'jump',
  })
  assert.deepEqual(go(state, full(1, two, 2 + MAX_EPOCH_JUMP)), {
    result: 'refused',
    reason: 'jump',
  })
  assert.equal(go(state, full(1, two, 2)).result, 'applied')
})

test('FG-11: another set at the same position is equivocation', () => {
  const state = stateAfter(full(1, one), events(2, one, two))
  assert.deepEqual(go(state, events(2, one, three)), { result: 'refused', reason: 'equivocation' })
  assert.deepEqual(go(state, full(2, three)), { result: 'refused', reason: 'equivocation' })
})
