/** Checks that the bucket keeps its rate and order, and that an aborted waiter takes no tokens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Clock, systemClock } from '../clock.ts'
import { createLimiter } from './limiter.ts'

/** A clock that advances only by sleeping. */
function virtualClock(): Clock & { at: number } {
  const clock = {
    ...systemClock,
    at: 0,
    monotonic: () => clock.at,
    sleep: async (ms: number, signal?: AbortSignal): Promise<void> => {
      signal?.throwIfAborted()
      clock.at += ms
    },
  }
  return clock
}

test('limiter: a full bucket allows its burst at once and then rejects', () => {
  const limiter = createLimiter({ clock: virtualClock() }, { burst: 3, perSecond: 1 })
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limiter.tryTake()),
    [true, true, true, false],
  )
})

test('limiter: tokens are refilled at the rate, up to the burst', () => {
  const clock = virtualClock()
  const limiter = createLimiter({ clock }, { burst: 2, perSecond: 10 })
  assert.ok(limiter.tryTake(2))
  clock.at += 100
  assert.ok(limiter.tryTake(1))
  assert.ok(!limiter.tryTake(1))
  clock.at += 3_600_000
  assert.ok(limiter.tryTake(3), 'a full bucket allows a request above the burst')
  assert.ok(!limiter.tryTake(1), 'which leaves a debt')
})

test('limiter: any sequence of takes stays under burst + rate · time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 50 }),
      async (sizes) => {
        const clock = virtualClock()
        const limiter = createLimiter({ clock }, { burst: 20, perSecond: 7 })
        let taken = 0
        for (const size of sizes) {
          await limiter.take(size)
          taken += size
          assert.ok(
            taken <= 20 + (clock.at / 1000) * 7 + 1e-6,
            `${taken} tokens after ${clock.at} ms`,
          )
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('limiter: serves waiters in order, and tryTake does not overtake them', async () => {
  const limiter = createLimiter({ clock: virtualClock() }, { burst: 1, perSecond: 100 })
  const order: number[] = []
  const waits = [1, 2, 3].map((id) => limiter.take(1).then(() => order.push(id)))
  assert.equal(limiter.tryTake(), false)
  await Promise.all(waits)
  assert.deepEqual(order, [1, 2, 3])
})

test('limiter: an aborted waiter takes nothing and does not block the next', async () => {
  const abort = new AbortController()
  const limiter = createLimiter({ clock: systemClock }, { burst: 1, perSecond: 20 })
  await limiter.take(1)
  const given = assert.rejects(limiter.take(1, abort.signal), { message: 'gave up' })
  const next = limiter.take(1)
  abort.abort(new Error('gave up'))
  await given
  await next
  const last = new AbortController()
  const [long, left] = [limiter.take(1), limiter.take(1, last.signal)]
  let served = false
  void long.then(() => {
    served = true
  })
  last.abort(new Error('aborted behind another'))
  await assert.rejects(left, { message: 'aborted behind another' })
  assert.equal(served, false, 'it left before the waiters in front were served')
  await long
})
