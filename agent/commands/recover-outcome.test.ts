import assert from 'node:assert/strict'
import test from 'node:test'
import { MusterError } from '../../shared/errors.ts'
import { runId } from '../../shared/ids.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { TEST_TIME, testUuid } from '../../shared/testing/statements.ts'
import type { RunnerClient } from '../runner/socket/client.ts'
import { runnerError } from '../runner/ground/errors.ts'
import { call, commandedAgent, probe, said, same } from '../testing/commanded-agent.ts'
import {
  OTHER_AGENT,
  runOf,
  startArguments,
  startIntent,
  stopIntent,
  stranger,
} from '../testing/coordinator-stand-in.ts'
import type { CommandDeps } from '../handlers/command.ts'

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
    await assert.rejects(
      client.call('perform', request),
      (error) => error instanceof MusterError && error.code === 'protocol.internal',
    )
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
  for (const intent of [asked, resent])
    await assert.rejects(client.call('perform', await order(intent)))
  assert.equal((await runner.client.list()).length, 2)
  const restarted = await again()
  const { outcome } = await probe(restarted, asked)
  assert.deepEqual(
    [said(outcome, asked).result, said(outcome, asked).detail['run']],
    ['done', runOf(1)],
  )
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
  const unreachable = (error: unknown): boolean =>
    error instanceof MusterError && error.code === 'runner.unreachable'
  const request = await order(intent)
  await assert.rejects(client.call('perform', request), unreachable)
  await assert.rejects(client.call('probe', { intent }), unreachable)
  away = false
  assert.equal(said((await client.call('probe', { intent })).outcome, intent).result, 'done')
})

test('AL-16: of an order that it may have forgotten a host does not say that it never came, and does not carry it out again', async (t) => {
  const { client, clock, runner, order, again } = await commandedAgent(t)
  const intent = await startIntent(1)
  const request = await order(intent)
  assert.equal(said((await client.call('perform', request)).outcome, intent).result, 'done')
  const never = await startIntent(2)
  clock.at = TEST_TIME + 8 * 86_400_000
  const times = { issuedAt: rfc3339(clock.at), expiresAt: rfc3339(clock.at + 60_000) }
  // Taking this one in lets the old one go.
  const later = await startIntent(3, times)
  assert.equal(
    said((await client.call('perform', await order(later))).outcome, later).result,
    'done',
  )
  const restarted = await again()
  for (const asked of [intent, never]) {
    const { outcome } = await probe(restarted, asked)
    assert.equal(said(outcome, asked).result, 'unknown')
    assert.match(String(said(outcome, asked).detail['error']), /too long ago/)
  }
  // Not even with the clock set back to when it was fresh.
  clock.at = TEST_TIME
  assert.equal(said((await call(restarted, request)).outcome, intent).result, 'unknown')
  assert.equal((await runner.client.list()).length, 2)
  // What is newer than all that was forgotten is known not to have come.
  clock.at = TEST_TIME + 8 * 86_400_000
  const fresh = await startIntent(4, times)
  assert.equal(said((await probe(restarted, fresh)).outcome, fresh).result, 'refused')
})

test('AL-16: a crash in a refusal leaves the refusal, or nothing; never the outcome of something else', async (t) => {
  const { client, runner, order, again } = await commandedAgent(t)
  const start = await startIntent(1)
  await client.call('perform', await order(start))
  await runner.client.wait(runId.parse(runOf(1)))
  const dying = await again((deps) => ({
    journal: {
      ...deps.journal,
      conclude: () => {
        throw new Error('kill -9')
      },
    },
  }))
  // The run ended by itself: asked what became of the stop, the runner would say that nothing of it
  // lives.
  const stop = await stopIntent(2, runOf(1), 0)
  const forged = await startIntent(
    3,
    { verb: 'run.stop', arguments: { run: runOf(1), graceMs: 0 } },
    stranger,
  )
  const elsewhere = await startIntent(4, { targets: [OTHER_AGENT] })
  const other = await startIntent(5, { arguments: startArguments(testUuid(7)) })
  const requests = [
    { ...(await order(stop)), inclusion: [] },
    await order(forged),
    await order(elsewhere),
    { ...(await order(other)), grants: [], checkpoint: '' },
  ]
  for (const request of requests) {
    await call(dying, request).catch(() => undefined)
    const { outcome } = await probe(await again(), request.intent)
    const { result, detail } = said(outcome, request.intent)
    assert.equal(result, 'refused', String(detail['error']))
    same((await probe(await again(), request.intent)).outcome, outcome)
  }
})
