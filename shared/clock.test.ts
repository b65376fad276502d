/** Tests times as text, and timers and sleeps that end on abort. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import fc from 'fast-check'
import { httpDate, parseRfc3339, rfc3339, systemClock } from './clock.ts'

test('clock: parses the times that it formats, and no other text', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (ms) =>
      assert.equal(parseRfc3339(rfc3339(ms)), ms),
    ),
  )
  for (const text of [
    '2026-02-31T00:00:00.000Z',
    '2025-02-29T00:00:00.000Z',
    '2026-01-01T24:00:00.000Z',
    '2026-01-01T23:59:60.000Z',
    '2026-13-01T00:00:00.000Z',
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.0000Z',
    '2026-01-01T00:00:00.000+00:00',
    '2026-01-01t00:00:00.000z',
    '2026-01-01 00:00:00.000Z',
    '+275760-09-13T00:00:00.000Z',
    '2026-01-01',
    '',
  ])
    assert.equal(parseRfc3339(text), Number.NaN, text)
  assert.equal(parseRfc3339('2024-02-29T00:00:00.000Z'), Date.UTC(2024, 1, 29))
  assert.equal(httpDate(784_111_777_000), 'Sun, 06 Nov 1994 08:49:37 GMT')
})

test('clock: an aborted sleep rejects with the reason and leaves no listener', async () => {
  const controller = new AbortController()
  await systemClock.sleep(1, controller.signal)
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  const long = systemClock.sleep(3_600_000, controller.signal)
  controller.abort(new Error('enough'))
  await assert.rejects(long, /enough/)
  await assert.rejects(systemClock.sleep(1, controller.signal), /enough/)
})

test('clock: a cancelled timer does not fire', async () => {
  let calls = 0
  const stops = [systemClock.after(1, () => (calls += 1)), systemClock.every(1, () => (calls += 1))]
  for (const stop of stops) stop()
  await systemClock.sleep(20)
  assert.equal(calls, 0)
})

test('clock: a timer longer than 2^31 milliseconds does not fire at once', async () => {
  const events: string[] = []
  const far = 2 ** 31 + 1000
  const controller = new AbortController()
  const stop = systemClock.after(far, () => events.push('after'))
  const slept = systemClock.sleep(far, controller.signal).then(
    () => events.push('sleep'),
    () => events.push('aborted'),
  )
  const late = systemClock.timeout(far)
  await systemClock.sleep(50)
  assert.deepEqual([events, late.aborted], [[], false])
  stop()
  controller.abort()
  await slept
  assert.deepEqual(events, ['aborted'])
  assert.throws(() => systemClock.every(far, () => undefined), /too long/)
})
