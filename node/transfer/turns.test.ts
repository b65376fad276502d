import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createTurns } from './turns.ts'

const never = new AbortController().signal

test('turns: whoever asks for much waits for itself, and others get theirs in turn', async () => {
  const turns = createTurns({ name: 'turns', total: 3, each: 2, waiting: 10 })
  const order: string[] = []
  const take = async (who: string): Promise<() => void> => {
    const end = await turns.take(who, never)
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

test('turns: who gives up waiting is gone, and more than may wait are refused', async () => {
  const turns = createTurns({ name: 'the turns of a test', total: 1, each: 1, waiting: 2 })
  const end = await turns.take('a', never)
  const stop = new AbortController()
  const gone = turns.take('b', stop.signal)
  const waits = turns.take('c', never)
  await assert.rejects(turns.take('d', never), {
    code: 'queue.full',
    data: { queue: 'the turns of a test', capacity: 2 },
  })
  stop.abort(new Error('enough'))
  await assert.rejects(gone, { message: 'enough' })
  await assert.rejects(turns.take('a', stop.signal), { message: 'enough' })
  const again = turns.take('a', never)
  end()
  end()
  ;(await waits)()
  ;(await again)()
})

test('turns: no order of taking, ending and leaving goes past the bounds or leaves a free turn unused', async () => {
  const step = fc.record({
    who: fc.constantFrom('a', 'b', 'c'),
    act: fc.constantFrom('take', 'end', 'leave'),
    pick: fc.nat(20),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const turns = createTurns({ name: 'turns', total: 3, each: 2, waiting: 100 })
      const running: { who: string; end: () => void }[] = []
      const waiting: { who: string; stop: AbortController }[] = []
      for (const { who, act, pick } of steps) {
        if (act === 'take') {
          const mine = { who, stop: new AbortController() }
          waiting.push(mine)
          turns.take(who, mine.stop.signal).then(
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
