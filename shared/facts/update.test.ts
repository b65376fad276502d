import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rfc3339 } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import { diff } from './events.ts'
import { factPackage, factSet, factSetBytes, rootOf } from './package-set.ts'
import { factsBody, fitsInline, MAX_INLINE_EVENTS, readUpdate } from './update.ts'
import type { FactUpdate } from './update.ts'

const at = rfc3339(1_800_000_000_000)
const os = { id: '', version: '', name: '', kernel: '', arch: '', hostname: '' }
const set = factSet(os, [factPackage('rpm', 'a', 'noarch', '1-1')])
const base = { epoch: 1, sequence: 4, root: rootOf(set), at }
const full: FactUpdate = { ...base, kind: 'full', set }
const events: FactUpdate = { ...base, kind: 'events', events: diff([], set.packages, at) }

test('facts update: the signed statement of an update is read as the same update', () => {
  for (const update of [full, events]) {
    const { body, payload } = factsBody(update)
    assert.deepEqual(readUpdate(body, payload), update)
  }
  assert.deepEqual(factsBody(full).payload, factSetBytes(set))
  assert.equal(factsBody(full).body.payload, full.root)
})

test('facts update: refuses a statement whose fields contradict each other', () => {
  const { body, payload } = factsBody(full)
  const refused = (
    change: Partial<typeof body>,
    bytes: Uint8Array | undefined,
    message: RegExp,
  ): void => {
    assert.throws(() => readUpdate({ ...body, ...change }, bytes), {
      code: 'facts.malformed',
      message,
    })
  }
  refused({}, undefined, /payload is missing/)
  refused({ payload: 'ab'.repeat(32) as BlobId }, payload, /does not match its root/)
  refused({ sequence: 0 }, payload, /begin with 1/)
  const own = factsBody(events).body
  const event = own.events?.[0] ?? {}
  refused({ ...own, events: null }, undefined, /not in it/)
  refused({ ...own, events: [{ ...event, extra: 1 }] }, undefined, /event 0/)
  refused({ ...own, events: [{ ...event, from: '1-1' }] }, undefined, /event 0: event/)
  refused({ ...own, events: [{ ...event, name: 'x'.repeat(513) }] }, undefined, /event 0: name/)
})

test('FG-12: a statement contains events only if they are few and small', () => {
  const [event] = events.events as [(typeof events.events)[number]]
  assert.ok(fitsInline([event]))
  assert.ok(!fitsInline(Array.from({ length: MAX_INLINE_EVENTS + 1 }, () => event)))
  assert.ok(!fitsInline(Array.from({ length: 100 }, () => ({ ...event, name: 'x'.repeat(500) }))))
})
