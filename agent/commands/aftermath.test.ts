import assert from 'node:assert/strict'
import test from 'node:test'
import { MusterError } from '../../shared/errors.ts'
import { TEST_TIME } from '../../shared/testing/statements.ts'
import type { RunnerClient } from '../runner/client.ts'
import { runnerError } from '../runner/errors.ts'
import { call, commandedAgent, probe, said, same } from '../testing/commanded-agent.ts'
import { runOf, startIntent } from '../testing/coordinator-stand-in.ts'
import type { CommandDeps } from './command.ts'

test('AL-01: killed before the act, a resent order is carried out once; asked about instead, it is over', async (t) => {
  const dying = (deps: CommandDeps): Partial<CommandDeps> => ({
    runner: {
      ...deps.runner,
      start: () => {
        throw new Error('kill -9')
      },
    },
  })
  const { client, runner, order, again } = await commandedAgent(t, dying)
  const [first, second] = [await startIntent(1), await startIntent(2)]
  for (const intent of [first, second]) {
    const request = await order(intent)
    await assert.rejects(client.call('perform', request), (error) => error instanceof MusterError && error.code === 'protocol.internal')
  }
  const restarted = await again()
  // Resent: carried out under the same run id.
  const performed = (await call(restarted, await order(first))).outcome
  assert.equal(said(performed, first).result, 'done')
  // Asked about: it was not begun, and is not begun any more.
  const { outcome } = await probe(restarted, second)
  assert.equal(said(outcome, second).result, 'failed')
  same((await call(restarted, await order(second))).outcome, outcome)
  same((await probe(await again(), second)).outcome, outcome)
  assert.deepEqual(
    (await runner.client.list()).map((one) => one.run),
    [runOf(1)],
  )
})

test('AL-01: killed between the act and its outcome, the run is found again and its outcome is one', async (t) => {
  const dying = (deps: CommandDeps): Partial<CommandDeps> => ({
    journal: {
      ...deps.journal,
      conclude: () => {
        throw new Error('kill -9')
      },
    },
  })
  const { client, runner, order, again } = await commandedAgent(t, dying)
  const [asked, resent] = [await startIntent(1), await startIntent(2)]
  for (const intent of [asked, resent]) await assert.rejects(client.call('perform', await order(intent)))
  assert.equal((await runner.client.list()).length, 2)
  const restarted = await again()
  const { outcome } = await probe(restarted, asked)
  assert.deepEqual([said(outcome, asked).result, said(outcome, asked).detail['run']], ['done', runOf(1)])
  same((await call(restarted, await order(asked))).outcome, outcome)
  assert.equal(said((await call(restarted, await order(resent))).outcome, resent).result, 'done')
  assert.equal((await runner.client.list()).length, 2)
})

test('AL-01: an order that was carried out before a crash and expires before it is resent is not said to be refused', async (t) => {
  const dying = (deps: CommandDeps): Partial<CommandDeps> => ({
    journal: {
      ...deps.journal,
      conclude: () => {
        throw new Error('kill -9')
      },
    },
  })
  const { client, clock, order, again } = await commandedAgent(t, dying)
  const intent = await startIntent(1)
  const request = await order(intent)
  await assert.rejects(client.call('perform', request))
  clock.at = TEST_TIME + 10 * 60_000
  assert.equal(said((await call(await again(), request)).outcome, intent).result, 'done')
})

test('AL-01: asked about before it arrived, an order is refused from then on', async (t) => {
  const { client, runner, order, again } = await commandedAgent(t)
  const intent = await startIntent(1)
  const request = await order(intent)
  const { outcome } = await client.call('probe', { intent })
  assert.equal(said(outcome, intent).result, 'refused')
  same((await client.call('perform', request)).outcome, outcome)
  same((await call(await again(), request)).outcome, outcome)
  assert.deepEqual(await runner.client.list(), [])
})

test('AL-01: where the runner cannot be asked there is no outcome yet, and later there is', async (t) => {
  let away = true
  const gone = async (): Promise<never> => {
    throw runnerError('runner.unreachable', { socket: 's', reason: 'ECONNREFUSED' })
  }
  const flaky = (deps: CommandDeps): Partial<CommandDeps> => ({
    runner: {
      ...deps.runner,
      start: async (order) => {
        // Applied, and the answer was lost: the other half of the pair is the test before.
        await deps.runner.start(order)
        return away ? gone() : deps.runner.status(order.run)
      },
      probe: (...args) => (away ? gone() : deps.runner.probe(...args)),
    } satisfies RunnerClient,
  })
  const { client, order } = await commandedAgent(t, flaky)
  const intent = await startIntent(1)
  const unreachable = (error: unknown): boolean => error instanceof MusterError && error.code === 'runner.unreachable'
  const request = await order(intent)
  await assert.rejects(client.call('perform', request), unreachable)
  await assert.rejects(client.call('probe', { intent }), unreachable)
  away = false
  assert.equal(said((await client.call('probe', { intent })).outcome, intent).result, 'done')
})
