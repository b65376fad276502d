import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createSlots } from './slots.ts'

const never = new AbortController().signal

test('slots: as many at once as there are places, and the next in the order in which they came', async () => {
  const slots = createSlots(2)
  const leave = [await slots.take(never), await slots.take(never)]
  const order: number[] = []
  const waiting = [1, 2, 3].map(async (number) => {
    const back = await slots.take(never)
    order.push(number)
    return back
  })
  await setImmediate()
  assert.deepEqual(order, [])
  leave[0]?.()
  leave[0]?.()
  await waiting[0]
  await setImmediate()
  assert.deepEqual(order, [1], 'a place that is given back twice is one place')
  leave[1]?.()
  for (const back of await Promise.all(waiting.slice(0, 2))) back()
  assert.deepEqual((await Promise.all(waiting), order), [1, 2, 3])
})

test('slots: whoever stops waiting takes no place, and leaves no listener behind', async () => {
  const slots = createSlots(1)
  const leave = await slots.take(never)
  const controller = new AbortController()
  const { signal } = controller
  const gone = slots.take(signal)
  const next = slots.take(never)
  controller.abort(new Error('enough'))
  await assert.rejects(gone, /enough/)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  await assert.rejects(slots.take(signal), /enough/)
  leave()
  const back = await next
  back()
  await slots.take(never)
})
