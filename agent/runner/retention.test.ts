import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EndedRun, forgettable } from './retention.ts'
import { newRunId } from './testing/runner-home.ts'

const HOUR = 3_600_000
const GIB = 1024 ** 3
const now = 1_000 * HOUR
const ended = (hoursAgo: number, bytes = 0): EndedRun => ({ run: newRunId(), endedAt: now - hoursAgo * HOUR, bytes })

test('ended runs are forgotten oldest first, beyond a thousand, and never within an hour', () => {
  const old = Array.from({ length: 1003 }, (_, index) => ended(2 + index))
  assert.deepEqual(
    forgettable(old, now),
    old
      .slice(1000)
      .reverse()
      .map(({ run }) => run),
  )
  const fresh = Array.from({ length: 3000 }, () => ended(0.9))
  assert.deepEqual(forgettable(fresh, now), [])
  assert.equal(forgettable([...fresh, ...old], now).length, 1003, 'recent ones count')
})

test('ended runs are forgotten when together they take too much of the disk', () => {
  const [newest, middle, oldest] = [ended(2, 3 * GIB), ended(3, GIB), ended(4, 1)]
  assert.deepEqual(forgettable([oldest, middle, newest], now), [oldest.run])
})
