import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLane } from './lanes.ts'
import { queueError } from './queue.ts'
import { shareRuns } from './shared-run.ts'

const NAME = 'the runs of a test'

/** Creates a job whose runs the test ends. Each run returns its number. */
function heldJob() {
  const gates: PromiseWithResolvers<void>[] = []
  const job = async (): Promise<number> => {
    const gate = Promise.withResolvers<void>()
    const number = gates.push(gate)
    await gate.promise
    return number
  }
  return { job, gates }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('shared run: callers during a run share the next one', async () => {
  const { job, gates } = heldJob()
  const run = shareRuns(createLane({ name: NAME }), job)
  const first = run()
  await settled()
  const later = [run(), run()]
  gates[0]?.resolve()
  assert.equal(await first, 1)
  await settled()
  gates[1]?.resolve()
  assert.deepEqual(await Promise.all(later), [2, 2])
  assert.equal(gates.length, 2)
})

test('shared run: a failed run rejects its callers, and the next run starts', async () => {
  let calls = 0
  const run = shareRuns(createLane({ name: NAME }), async () => {
    calls += 1
    if (calls === 1) throw new Error('first')
    return calls
  })
  await assert.rejects(run(), /first/)
  assert.equal(await run(), 2)
})

test('shared run: after a rejection by a full lane, the next call starts a run', async () => {
  const lane = createLane({ name: NAME, waiting: 0 })
  const held = Promise.withResolvers<void>()
  const running = lane.run(() => held.promise)
  const run = shareRuns(lane, async () => 'done')
  await assert.rejects(run(), (error) => queueError.is(error, 'queue.full'))
  held.resolve()
  await running
  assert.equal(await run(), 'done')
})
