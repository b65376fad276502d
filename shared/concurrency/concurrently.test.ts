/** Checks the limit, the order, and that no job starts after a failure. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { concurrently } from './concurrently.ts'

test('keeps the order of the results and the limit of running jobs', async () => {
  let running = 0
  let most = 0
  const results = await concurrently([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++running)
    for (let turn = 0; turn < item; turn++) await Promise.resolve()
    running--
    return item * 10
  })
  assert.deepEqual(results, [50, 10, 40, 20, 30])
  assert.equal(most, 2)
})

test('a failure starts no new job and is thrown after the others settle', async () => {
  const started: number[] = []
  let settled = false
  await assert.rejects(
    concurrently([0, 1, 2, 3], 2, async (item) => {
      started.push(item)
      if (item === 0) throw new Error('first')
      await new Promise((resolve) => setImmediate(resolve))
      settled = true
    }),
    /first/,
  )
  assert.deepEqual(started, [0, 1])
  assert.ok(settled)
})
