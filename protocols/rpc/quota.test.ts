import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { createQuota } from './quota.ts'

/** Creates a clock that only the test moves. */
function standing(): { clock: Clock; move(ms: number): void } {
  let at = 0
  return { clock: { ...systemClock, monotonic: () => at }, move: (ms) => (at += ms) }
}

test('quota: a bucket refills with time, up to the burst', () => {
  const { clock, move } = standing()
  const quota = createQuota({ clock }, { burst: 2, perSecond: 1 })
  const taken = (times: number): boolean[] => Array.from({ length: times }, () => quota.take('a'))
  assert.deepEqual(taken(3), [true, true, false])
  assert.equal(quota.take('b'), true, 'another peer has another bucket')
  move(999)
  assert.deepEqual(taken(1), [false])
  move(1)
  assert.deepEqual(taken(2), [true, false], 'what was refused cost nothing')
  move(3_600_000)
  assert.deepEqual(taken(3), [true, true, false])
})

test('quota: above its limit of peers, it forgets the one with the oldest use', () => {
  const { clock } = standing()
  const quota = createQuota({ clock }, { burst: 1, perSecond: 1 })
  for (const peer of ['first', 'second']) assert.equal(quota.take(peer), true)
  for (let n = 0; n < 9_998; n += 1) quota.take(`peer ${n}`)
  assert.deepEqual(
    [quota.take('first'), quota.take('second')],
    [false, false],
    'ten thousand are remembered',
  )
  quota.take('first')
  for (let n = 0; n < 9_999; n += 1) quota.take(`other ${n}`)
  assert.deepEqual([quota.take('first'), quota.take('second')], [false, true])
})
