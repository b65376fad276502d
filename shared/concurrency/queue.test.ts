/**
 * Checks that the queue keeps its limits, joins equal keys, and aborts a job only when its last
 * caller leaves.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createQueue, queueError, type Work } from './queue.ts'

/** Creates work that ends on request or when it is aborted. */
function gate(): {
  work: Work<string>
  open: (value: string) => void
  started: Promise<AbortSignal>
} {
  const started = Promise.withResolvers<AbortSignal>()
  const opened = Promise.withResolvers<string>()
  const work: Work<string> = async (signal) => {
    started.resolve(signal)
    signal.addEventListener('abort', () => opened.reject(signal.reason), { once: true })
    return opened.promise
  }
  return { work, open: opened.resolve, started: started.promise }
}

test('queue: runs at most its concurrency, and all work in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 40 }),
      async (concurrency, count) => {
        const queue = createQueue({ name: 'the test queue', concurrency, capacity: 100 })
        let now = 0
        let most = 0
        const begun: number[] = []
        const work = (id: number) => async (): Promise<number> => {
          begun.push(id)
          most = Math.max(most, ++now)
          await new Promise<void>((resolve) => setImmediate(resolve))
          now -= 1
          return id
        }
        const ids = Array.from({ length: count }, (_, id) => id)
        assert.deepEqual(await Promise.all(ids.map((id) => queue.run(work(id)))), ids)
        assert.deepEqual(begun, ids)
        assert.equal(most, Math.min(concurrency, count))
        await queue.idle()
        assert.equal(queue.running + queue.waiting, 0)
      },
    ),
    { numRuns: 20 },
  )
})

test('queue: rejects jobs beyond its capacity', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 1, capacity: 1 })
  const [running, waiting, refused] = [gate(), gate(), gate()]
  const first = queue.run(running.work)
  const second = queue.run(waiting.work)
  await assert.rejects(
    queue.run(refused.work),
    (error) =>
      queueError.is(error, 'queue.full') && /the test queue is full: 1 jobs/.test(error.message),
  )
  running.open('a')
  waiting.open('b')
  assert.deepEqual(await Promise.all([first, second]), ['a', 'b'])
})

test('queue: equal keys share one job, whose work runs once', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 2, capacity: 0 })
  const job = gate()
  let runs = 0
  const work: Work<string> = (signal) => {
    runs += 1
    return job.work(signal)
  }
  const joiners = [1, 2, 3].map(() => queue.run(work, { key: 'k' }))
  job.open('same')
  assert.deepEqual(await Promise.all(joiners), ['same', 'same', 'same'])
  assert.equal(runs, 1)
  assert.equal(
    await queue.run(async () => 'fresh', { key: 'k' }),
    'fresh',
    'a finished key starts a new job',
  )
})

test('queue: a job continues until its last caller leaves', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 1, capacity: 0 })
  const job = gate()
  const [a, b] = [new AbortController(), new AbortController()]
  const first = queue.run(job.work, { key: 'k', signal: a.signal })
  const second = queue.run(job.work, { key: 'k', signal: b.signal })
  const signal = await job.started
  a.abort(new Error('first left'))
  await assert.rejects(first, { message: 'first left' })
  assert.equal(signal.aborted, false)
  b.abort(new Error('last left'))
  await assert.rejects(second, { message: 'last left' })
  assert.equal(signal.aborted, true)
  await queue.idle()
})

test('queue: a caller without a signal keeps the job alive', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 1, capacity: 0 })
  const job = gate()
  const abort = new AbortController()
  const stays = queue.run(job.work, { key: 'k' })
  const leaves = queue.run(job.work, { key: 'k', signal: abort.signal })
  await job.started
  abort.abort(new Error('left'))
  await assert.rejects(leaves, { message: 'left' })
  job.open('kept')
  assert.equal(await stays, 'kept')
})

test('queue: a call with a key that is being aborted starts a new job', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 2, capacity: 0 })
  const abort = new AbortController()
  const slow = Promise.withResolvers<string>()
  const old = queue.run(() => slow.promise, { key: 'k', signal: abort.signal })
  abort.abort(new Error('left'))
  await assert.rejects(old, { message: 'left' })
  assert.equal(await queue.run(async () => 'new', { key: 'k' }), 'new')
  slow.resolve('late')
  await queue.idle()
})

test('queue: an abandoned waiting job never starts and frees its capacity', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 1, capacity: 1 })
  const running = gate()
  const abort = new AbortController()
  const first = queue.run(running.work)
  const waiting = queue.run(async () => assert.fail('must not start'), { signal: abort.signal })
  abort.abort(new Error('left'))
  await assert.rejects(waiting, { message: 'left' })
  assert.equal(queue.waiting, 0)
  running.open('done')
  assert.equal(await first, 'done')
})

test('queue: close aborts all jobs, waits for them, and rejects new ones', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 1, capacity: 5 })
  const jobs = [gate(), gate()]
  const results = jobs.map((job) =>
    assert.rejects(queue.run(job.work), (error) => queueError.is(error, 'queue.closed')),
  )
  await jobs[0]?.started
  await queue.close()
  await Promise.all(results)
  assert.equal(queue.running + queue.waiting, 0)
  await assert.rejects(
    queue.run(async () => 1),
    (error) => queueError.is(error, 'queue.closed'),
  )
})

test('queue: work that throws synchronously rejects only its call', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 1, capacity: 0 })
  const work = (): Promise<never> => {
    throw new Error('at once')
  }
  await assert.rejects(queue.run(work), { message: 'at once' })
  await queue.idle()
})

test('queue: calls onStart of each caller once its job runs', async () => {
  const queue = createQueue({ name: 'the test queue', concurrency: 1, capacity: 10 })
  const [first, second] = [gate(), gate()]
  const started: string[] = []
  const run = (name: string, key: string, { work }: { work: Work<string> }): Promise<string> =>
    queue.run(work, { key, onStart: () => void started.push(name) })
  const one = run('one', 'a', first)
  await first.started
  const two = run('two', 'b', second)
  const three = run('three', 'b', second)
  const four = run('four', 'a', first)
  assert.deepEqual(started, ['one', 'four'])
  first.open('done')
  await Promise.all([one, four, second.started])
  assert.deepEqual(started, ['one', 'four', 'two', 'three'])
  second.open('done')
  await Promise.all([two, three])
})
