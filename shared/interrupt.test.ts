import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import test from 'node:test'
import { abortable, createInterrupt, untilAborted } from './interrupt.ts'

const never = new Promise<never>(() => undefined)
const reason = new Error('over')

test('interrupt: a wait returns its result or rejects with the reason of the end', async () => {
  const interrupt = createInterrupt()
  assert.equal(await interrupt.wait(Promise.resolve(1)), 1)
  await assert.rejects(interrupt.wait(Promise.reject(new Error('failed'))), { message: 'failed' })
  const waiting = [interrupt.wait(never), interrupt.wait(never)]
  interrupt.throwIfEnded()
  interrupt.end(reason)
  interrupt.end(new Error('later'))
  for (const wait of [...waiting, interrupt.wait(never), interrupt.wait(Promise.resolve(1))])
    await assert.rejects(wait, reason)
  assert.throws(() => interrupt.throwIfEnded(), reason)
})

test('interrupt: work that fails after the end causes no unhandled rejection', async () => {
  const interrupt = createInterrupt()
  const work = Promise.withResolvers<void>()
  const wait = interrupt.wait(work.promise)
  interrupt.end(reason)
  await assert.rejects(wait, reason)
  work.reject(new Error('late'))
  await new Promise(setImmediate)
})

test('abortable: returns the result or the reason, and leaves no listener', async () => {
  const controller = new AbortController()
  const { signal } = controller
  for (let turn = 0; turn < 100; turn += 1)
    assert.equal(await abortable(Promise.resolve(turn), signal), turn)
  await assert.rejects(abortable(Promise.reject(new Error('failed')), signal), {
    message: 'failed',
  })
  assert.equal(await abortable(Promise.resolve(1), undefined), 1)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  const waiting = abortable(never, signal)
  const aborted = untilAborted(signal)
  controller.abort(reason)
  await assert.rejects(waiting, reason)
  await assert.rejects(abortable(never, signal), reason)
  await aborted
  await untilAborted(signal)
})
