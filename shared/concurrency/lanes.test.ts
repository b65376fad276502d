import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { createLane, createLanes, type Lanes } from './lanes.ts'
import { queueError } from './queue.ts'

const NAME = 'the lanes of a test'

interface Step {
  readonly key: string
  readonly fails: boolean
  readonly pauses: number
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  fails: fc.boolean(),
  pauses: fc.nat(3),
})

/** Runs all steps at once and returns the numbers of the started steps. Fails if two overlap. */
async function runSteps(lanes: Lanes<string>, steps: readonly Step[]): Promise<number[]> {
  const started: number[] = []
  const running = new Set<string>()
  const results = await Promise.allSettled(
    steps.map(({ key, fails, pauses }, index) =>
      lanes.run(key, async () => {
        assert.ok(!running.has(key), `two jobs of ${key} overlap`)
        running.add(key)
        started.push(index)
        for (let i = 0; i < pauses; i += 1) await setImmediate()
        running.delete(key)
        if (fails) throw new Error(`step ${index}`)
        return index
      }),
    ),
  )
  results.forEach((result, index) => {
    const message = result.status === 'rejected' ? (result.reason as Error).message : result.value
    assert.equal(message, steps[index]?.fails === true ? `step ${index}` : index)
  })
  return started
}

test('lanes: jobs of one key run in the order of the calls and never overlap', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 20 }), async (steps) => {
      const lanes = createLanes<string>({ name: NAME })
      const started = await runSteps(lanes, steps)
      for (const key of ['a', 'b', 'c']) {
        const called = steps.flatMap((step, index) => (step.key === key ? [index] : []))
        assert.deepEqual(
          started.filter((index) => steps[index]?.key === key),
          called,
        )
      }
      assert.equal(lanes.size, 0)
    }),
  )
})

test('lanes: jobs of different keys run at the same time', async () => {
  const lanes = createLanes<string>({ name: NAME })
  const first = Promise.withResolvers<string>()
  const blocked = lanes.run('a', () => first.promise)
  assert.equal(await lanes.run('b', async () => 'done'), 'done')
  assert.equal(lanes.size, 1)
  first.resolve('later')
  assert.equal(await blocked, 'later')
  assert.equal(lanes.size, 0)
})

test('lanes: an aborted waiter never runs and leaves no listener', async () => {
  const lanes = createLanes<string>({ name: NAME })
  const first = Promise.withResolvers<void>()
  const running = lanes.run('a', () => first.promise)
  const controller = new AbortController()
  const { signal } = controller
  let ran = false
  const gone = lanes.run('a', async () => (ran = true), signal)
  const next = lanes.run('a', async () => 'next')
  controller.abort(new Error('enough'))
  await assert.rejects(gone, /enough/)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  await assert.rejects(
    lanes.run('b', async () => (ran = true), signal),
    /enough/,
  )
  first.resolve()
  await running
  assert.equal(await next, 'next')
  assert.equal(ran, false)
  assert.equal(lanes.size, 0)
})

test('lanes: rejects more waiters of one key than its bound', async () => {
  const lanes = createLanes<string>({ name: NAME, waiting: 1 })
  const first = Promise.withResolvers<void>()
  const jobs = [lanes.run('a', () => first.promise), lanes.run('a', async () => undefined)]
  const isFull = (error: unknown) =>
    queueError.is(error, 'queue.full') && error.message === `${NAME} is full: 1 jobs are waiting`
  await assert.rejects(
    lanes.run('a', async () => undefined),
    isFull,
  )
  await lanes.run('b', async () => undefined)
  first.resolve()
  await Promise.all(jobs)
  await lanes.run('a', async () => undefined)
})

test('lanes: idle() waits for the jobs that were added before, failed ones too', async () => {
  const lanes = createLanes<string>({ name: NAME, waiting: 1 })
  await lanes.idle()
  const first = Promise.withResolvers<void>()
  const failed = assert.rejects(
    lanes.run('a', () => first.promise),
    /broken/,
  )
  let last = false
  const waiting = lanes.run('a', async () => {
    last = true
  })
  const idle = lanes.idle().then(() => assert.ok(last))
  first.reject(new Error('broken'))
  await Promise.all([failed, waiting, idle])
  assert.equal(lanes.size, 0)
})

test('lane: a job that throws at once rejects its caller only', async () => {
  const lane = createLane({ name: NAME })
  const thrown = lane.run(() => {
    throw new Error('at once')
  })
  const next = lane.run(async () => 'next')
  await assert.rejects(thrown, /at once/)
  assert.equal(await next, 'next')
})

test('lanes: a call with an aborted signal never lets two jobs of one key overlap', async () => {
  const aborted = AbortSignal.abort(new Error('left'))
  const anyCall = fc.record({ leaves: fc.boolean(), before: fc.nat(4), inside: fc.nat(4) })
  await fc.assert(
    fc.asyncProperty(fc.array(anyCall, { maxLength: 30 }), async (calls) => {
      const lanes = createLanes<string>({ name: NAME })
      let running = 0
      const results: Promise<unknown>[] = []
      for (const { leaves, before, inside } of calls) {
        for (let i = 0; i < before; i += 1) await Promise.resolve()
        const job = async (): Promise<void> => {
          running += 1
          assert.equal(running, 1, 'two jobs overlap')
          for (let i = 0; i < inside; i += 1) await Promise.resolve()
          running -= 1
        }
        const call = lanes.run('a', job, leaves ? aborted : undefined)
        results.push(leaves ? assert.rejects(call, /left/) : call)
      }
      await Promise.all(results)
      assert.equal(lanes.size, 0)
    }),
    { numRuns: 500 },
  )
})
