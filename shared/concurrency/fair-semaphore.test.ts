import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createFairSemaphore } from './fair-semaphore.ts'

const never = new AbortController().signal

test('fair semaphore: a user with many requests delays only itself', async () => {
  const permits = createFairSemaphore({ name: 'permits', total: 3, each: 2, waiting: 10 })
  const order: string[] = []
  const take = async (who: string): Promise<() => void> => {
    const end = await permits.acquire(who, never)
    order.push(who)
    return end
  }
  const greedy = Array.from({ length: 5 }, () => take('greedy'))
  const first = await greedy[0]
  await greedy[1]
  const modest = await take('modest')
  const [late, later] = [take('late'), take('late')]
  assert.deepEqual(order, ['greedy', 'greedy', 'modest'])
  modest()
  ;(await late)()
  ;(await later)()
  assert.deepEqual(order, ['greedy', 'greedy', 'modest', 'late', 'late'])
  first?.()
  await greedy[2]
  assert.equal(order.length, 6)
})

test('fair semaphore: drops an aborted waiter and rejects too many waiters', async () => {
  const permits = createFairSemaphore({
    name: 'the permits of a test',
    total: 1,
    each: 1,
    waiting: 2,
  })
  const end = await permits.acquire('a', never)
  const stop = new AbortController()
  const gone = permits.acquire('b', stop.signal)
  const waits = permits.acquire('c', never)
  await assert.rejects(permits.acquire('d', never), {
    code: 'queue.full',
    data: { queue: 'the permits of a test', capacity: 2 },
  })
  stop.abort(new Error('enough'))
  await assert.rejects(gone, { message: 'enough' })
  await assert.rejects(permits.acquire('a', stop.signal), { message: 'enough' })
  const again = permits.acquire('a', never)
  end()
  end()
  ;(await waits)()
  ;(await again)()
})

test('fair semaphore: any sequence of calls keeps the bounds', async () => {
  const step = fc.record({
    who: fc.constantFrom('a', 'b', 'c'),
    act: fc.constantFrom('take', 'end', 'leave'),
    pick: fc.nat(20),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const permits = createFairSemaphore({ name: 'permits', total: 3, each: 2, waiting: 100 })
      const running: { who: string; end: () => void }[] = []
      const waiting: { who: string; stop: AbortController }[] = []
      for (const { who, act, pick } of steps) {
        if (act === 'take') {
          const mine = { who, stop: new AbortController() }
          waiting.push(mine)
          permits.acquire(who, mine.stop.signal).then(
            (end) => {
              waiting.splice(waiting.indexOf(mine), 1)
              running.push({ who, end })
            },
            () => undefined,
          )
        } else if (act === 'end') running.splice(pick % Math.max(1, running.length), 1)[0]?.end()
        else waiting.splice(pick % Math.max(1, waiting.length), 1)[0]?.stop.abort(new Error('left'))
        for (let i = 0; i < 5; i += 1) await Promise.resolve()
        const has = (whose: string): number => running.filter((one) => one.who === whose).length
        assert.ok(running.length <= 3 && ['a', 'b', 'c'].every((whose) => has(whose) <= 2))
        if (running.length < 3) assert.ok(waiting.every((one) => has(one.who) === 2))
      }
    }),
  )
})
