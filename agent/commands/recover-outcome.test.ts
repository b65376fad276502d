import assert from 'node:assert/strict'
import test from 'node:test'
import { MusterError } from '../../shared/errors.ts'
import { runId } from '../../shared/ids.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { TEST_TIME, testUuid } from '../../shared/testing/statements.ts'
import type { RunnerClient } from '../runner/socket/client.ts'
import { runnerError } from '../runner/ground/errors.ts'
import { call, commandedAgent, probe, readOutcome, assertSame } from '../testing/commanded-agent.ts'
import {
  OTHER_AGENT,
  runOf,
  startArguments,
  startIntent,
  stopIntent,
  stranger,
} from '../testing/coordinator-stand-in.ts'
import type { CommandDeps } from '../handlers/command.ts'

test('AL-01: after a crash before the start, a repeated intent runs once', async (t) => {
  const dying = (deps: CommandDeps): Partial<CommandDeps> => ({
    runner: {
      ...deps.runner,
      start: () => {
        throw new Error('kill -9')
      },
    },
  })
  const { client, runner, deliver, again } = await commandedAgent(t, dying)
  const [first, second] = [await startIntent(1), await startIntent(2)]
  for (const intent of [first, second]) {
    const request = await deliver(intent)
    await assert.rejects(
      client.call('perform', request),
      (error) => error instanceof MusterError && error.code === 'protocol.internal',
    )
  }
  const restarted = await again()
  // The intent is sent again. The agent carries it out under the same run id.
  const performed = (await call(restarted, await deliver(first))).outcome
  assert.equal(readOutcome(performed, first).result, 'done')
  // This intent is only probed. It was not started and never will be.
  const { outcome } = await probe(restarted, second)
  assert.equal(readOutcome(outcome, second).result, 'failed')
  assertSame((await call(restarted, await deliver(second))).outcome, outcome)
  assertSame((await probe(await again(), second)).outcome, outcome)
  assert.deepEqual(
    (await runner.client.list()).map((one) => one.run),
    [runOf(1)],
  )
})

test('AL-01: after a crash before the outcome, the agent finds the run again', async (t) => {
  const dying = (deps: CommandDeps): Partial<CommandDeps> => ({
    journal: {
      ...deps.journal,
      conclude: () => {
        throw new Error('kill -9')
      },
    },
  })
  const { client, runner, deliver, again } = await commandedAgent(t, dying)
  const [asked, resent] = [await startIntent(1), await startIntent(2)]
  for (const intent of [asked, resent])
    await assert.rejects(client.call('perform', await deliver(intent)))
  assert.equal((await runner.client.list()).length, 2)
  const restarted = await again()
  const { outcome } = await probe(restarted, asked)
  assert.deepEqual(
    [readOutcome(outcome, asked).result, readOutcome(outcome, asked).detail['run']],
    ['done', runOf(1)],
  )
  assertSame((await call(restarted, await deliver(asked))).outcome, outcome)
  assert.equal(
    readOutcome((await call(restarted, await deliver(resent))).outcome, resent).result,
    'done',
  )
  assert.equal((await runner.client.list()).length, 2)
})

test('AL-01: an intent that expired after it was carried out is not refused', async (t) => {
  const dying = (deps: CommandDeps): Partial<CommandDeps> => ({
    journal: {
      ...deps.journal,
      conclude: () => {
        throw new Error('kill -9')
      },
    },
  })
  const { client, clock, deliver, again } = await commandedAgent(t, dying)
  const intent = await startIntent(1)
  const request = await deliver(intent)
  await assert.rejects(client.call('perform', request))
  clock.at = TEST_TIME + 10 * 60_000
  assert.equal(readOutcome((await call(await again(), request)).outcome, intent).result, 'done')
})

test('AL-01: an intent that is probed before it arrives is refused later', async (t) => {
  const { client, runner, deliver, again } = await commandedAgent(t)
  const intent = await startIntent(1)
  const request = await deliver(intent)
  const { outcome } = await client.call('probe', { intent })
  assert.equal(readOutcome(outcome, intent).result, 'refused')
  assertSame((await client.call('perform', request)).outcome, outcome)
  assertSame((await call(await again(), request)).outcome, outcome)
  assert.deepEqual(await runner.client.list(), [])
})

test('AL-01: while the runner is unreachable, there is no outcome', async (t) => {
  let away = true
  const gone = async (): Promise<never> => {
    throw runnerError('runner.unreachable', { socket: 's', reason: 'ECONNREFUSED' })
  }
  const flaky = (deps: CommandDeps): Partial<CommandDeps> => ({
    runner: {
      ...deps.runner,
      start: async (asked) => {
        // The run starts, but the response is lost.
        await deps.runner.start(asked)
        return away ? gone() : deps.runner.status(asked.run)
      },
      probe: (...args) => (away ? gone() : deps.runner.probe(...args)),
    } satisfies RunnerClient,
  })
  const { client, deliver } = await commandedAgent(t, flaky)
  const intent = await startIntent(1)
  const unreachable = (error: unknown): boolean =>
    error instanceof MusterError && error.code === 'runner.unreachable'
  const request = await deliver(intent)
  await assert.rejects(client.call('perform', request), unreachable)
  await assert.rejects(client.call('probe', { intent }), unreachable)
  away = false
  assert.equal(readOutcome((await client.call('probe', { intent })).outcome, intent).result, 'done')
})

test('AL-16: if the row of an intent may have been removed, its outcome is unknown', async (t) => {
  const { client, clock, runner, deliver, again } = await commandedAgent(t)
  const intent = await startIntent(1)
  const request = await deliver(intent)
  assert.equal(readOutcome((await client.call('perform', request)).outcome, intent).result, 'done')
  const never = await startIntent(2)
  clock.at = TEST_TIME + 8 * 86_400_000
  const times = { issuedAt: rfc3339(clock.at), expiresAt: rfc3339(clock.at + 60_000) }
  // The agent removes the old row when it accepts this intent.
  const later = await startIntent(3, times)
  assert.equal(
    readOutcome((await client.call('perform', await deliver(later))).outcome, later).result,
    'done',
  )
  const restarted = await again()
  for (const asked of [intent, never]) {
    const { outcome } = await probe(restarted, asked)
    assert.equal(readOutcome(outcome, asked).result, 'unknown')
    assert.match(String(readOutcome(outcome, asked).detail['error']), /too long ago/)
  }
  // The same holds if the clock was set back.
  clock.at = TEST_TIME
  assert.equal(readOutcome((await call(restarted, request)).outcome, intent).result, 'unknown')
  assert.equal((await runner.client.list()).length, 2)
  // This intent is newer than all removed rows, so it never arrived.
  clock.at = TEST_TIME + 8 * 86_400_000
  const fresh = await startIntent(4, times)
  assert.equal(readOutcome((await probe(restarted, fresh)).outcome, fresh).result, 'refused')
})

test('AL-16: a crash during a refusal leaves the refusal or nothing', async (t) => {
  const { client, runner, deliver, again } = await commandedAgent(t)
  const start = await startIntent(1)
  await client.call('perform', await deliver(start))
  await runner.client.wait(runId.parse(runOf(1)))
  const dying = await again((deps) => ({
    journal: {
      ...deps.journal,
      conclude: () => {
        throw new Error('kill -9')
      },
    },
  }))
  // The run ended by itself. For the stop, the runner would return the status of an ended run.
  const stop = await stopIntent(2, runOf(1), 0)
  const forged = await startIntent(
    3,
    { verb: 'run.stop', arguments: { run: runOf(1), graceMs: 0 } },
    stranger,
  )
  const elsewhere = await startIntent(4, { targets: [OTHER_AGENT] })
  const other = await startIntent(5, { arguments: startArguments(testUuid(7)) })
  const requests = [
    { ...(await deliver(stop)), inclusion: [] },
    await deliver(forged),
    await deliver(elsewhere),
    { ...(await deliver(other)), grants: [], checkpoint: '' },
  ]
  for (const request of requests) {
    await call(dying, request).catch(() => undefined)
    const { outcome } = await probe(await again(), request.intent)
    const { result, detail } = readOutcome(outcome, request.intent)
    assert.equal(result, 'refused', String(detail['error']))
    assertSame((await probe(await again(), request.intent)).outcome, outcome)
  }
})
