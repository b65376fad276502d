import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createSemaphore } from './semaphore.ts'

const never = new AbortController().signal

test('semaphore: admits up to its count, then waiters in the order of their calls', async () => {
  const semaphore = createSemaphore(2)
  const releases = [await semaphore.acquire(never), await semaphore.acquire(never)]
  const order: number[] = []
  const waiting = [1, 2, 3].map(async (number) => {
    const release = await semaphore.acquire(never)
    order.push(number)
    return release
  })
  await setImmediate()
  assert.deepEqual(order, [])
  releases[0]?.()
  releases[0]?.()
  await waiting[0]
  await setImmediate()
  assert.deepEqual(order, [1], 'a permit that is released twice counts once')
  releases[1]?.()
  for (const release of await Promise.all(waiting.slice(0, 2))) release()
  assert.deepEqual((await Promise.all(waiting), order), [1, 2, 3])
})

test('semaphore: an aborted waiter takes no permit and leaves no listener', async () => {
  const semaphore = createSemaphore(1)
  const release = await semaphore.acquire(never)
  const controller = new AbortController()
  const { signal } = controller
  const gone = semaphore.acquire(signal)
  const next = semaphore.acquire(never)
  controller.abort(new Error('enough'))
  await assert.rejects(gone, /enough/)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  await assert.rejects(semaphore.acquire(signal), /enough/)
  release()
  const second = await next
  second()
  await semaphore.acquire(never)
})
