import assert from 'node:assert/strict'
import test from 'node:test'
import { MusterError } from '../../shared/errors.ts'
import { runId } from '../../shared/ids.ts'
import { signedSample, testUuid } from '../../shared/testing/statements.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { program } from '../runner/testing/programs.ts'
import { call, commandedAgent, probe, readOutcome, assertSame } from '../testing/commanded-agent.ts'
import {
  operationOf,
  operator,
  runOf,
  startArguments,
  startIntent,
  stopIntent,
  stranger,
} from '../testing/coordinator-stand-in.ts'

const run = (n: number) => runId.parse(runOf(n))

test('PC-17: carries out a repeated intent once, with one outcome', async (t) => {
  const { client, runner, deliver, again } = await commandedAgent(t)
  const intent = await startIntent(1, { arguments: startArguments(runOf(1), ['echo', 'once']) })
  const request = await deliver(intent)
  const { outcome } = await client.call('perform', request)
  const body = readOutcome(outcome, intent)
  assert.deepEqual(
    [body.result, body.operation, body.verb, body.detail['run']],
    ['done', operationOf(1), 'run.start', runOf(1)],
  )
  assertSame((await client.call('perform', request)).outcome, outcome)
  assertSame((await client.call('probe', { intent })).outcome, outcome)
  const restarted = await again()
  assertSame((await call(restarted, request)).outcome, outcome)
  assert.equal((await runner.client.list()).length, 1)
  assert.equal((await runner.output(run(1))).stdout.toString(), 'once\n')
})

test('PC-17: two equal deliveries at the same moment start one run', async (t) => {
  const { handlers, runner, deliver } = await commandedAgent(t)
  const intent = await startIntent(1)
  const request = await deliver(intent)
  const both = await Promise.all([
    call(handlers, request),
    call(handlers, request),
    probe(handlers, intent),
  ])
  for (const { outcome } of both) assertSame(outcome, both[0].outcome)
  assert.equal(readOutcome(both[0].outcome, intent).result, 'done')
  assert.equal((await runner.client.list()).length, 1)
})

test('PC-06: rejects another intent with the id of an earlier one', async (t) => {
  const { client, runner, deliver, again } = await commandedAgent(t)
  const first = await startIntent(1)
  const { outcome } = await client.call('perform', await deliver(first))
  const other = await startIntent(1, {
    arguments: startArguments(runOf(2), ['touch', '/tmp/never']),
  })
  const request = await deliver(other)
  for (const answer of [
    await client.call('perform', request),
    await call(await again(), request),
  ]) {
    const refusal = readOutcome(answer.outcome, other)
    assert.equal(refusal.result, 'refused')
    assert.match(String(refusal.detail['error']), /this host knows operation/)
  }
  assertSame((await client.call('probe', { intent: first })).outcome, outcome)
  await assert.rejects(
    client.call('probe', { intent: other }),
    (error) => error instanceof MusterError && error.code === 'command.replayed',
  )
  assert.deepEqual(
    (await runner.client.list()).map((one) => one.run),
    [runOf(1)],
  )
})

test('AL-16: a refusal is signed, has a reason and is final', async (t) => {
  const { client, runner, deliver, again } = await commandedAgent(t)
  const intent = await startIntent(1)
  const good = await deliver(intent)
  const { outcome } = await client.call('perform', { ...good, inclusion: [] })
  const refusal = readOutcome(outcome, intent)
  assert.equal(refusal.result, 'refused')
  assert.match(String(refusal.detail['error']), /inclusion proof is invalid/)
  for (const answer of [
    await client.call('perform', good),
    await call(await again(), good),
    await client.call('probe', { intent }),
  ])
    assertSame(answer.outcome, outcome)
  assert.deepEqual(await runner.client.list(), [])
})

test('AL-16: an intent of another operator with the same id has no effect', async (t) => {
  const { client, deliver } = await commandedAgent(t)
  const real = await startIntent(1)
  const { outcome } = await client.call('perform', await deliver(real))
  const forged = await startIntent(1, {}, stranger)
  const refusal = (await client.call('perform', await deliver(forged))).outcome
  assert.equal(readOutcome(refusal, forged).result, 'refused')
  assert.notEqual(
    readSigned(refusal, 'outcome').detail['intent'],
    readSigned(outcome, 'outcome').detail['intent'],
  )
  assertSame((await client.call('probe', { intent: real })).outcome, outcome)
})

test('command: a forged intent gets no outcome', async (t) => {
  const { client, deliver } = await commandedAgent(t)
  const good = await deliver(await startIntent(1))
  const altered = {
    ...good.intent,
    statement: Buffer.concat([good.intent.statement, Buffer.from(' ')]),
  }
  await assert.rejects(
    client.call('perform', { ...good, intent: altered }),
    (error) => error instanceof MusterError && error.code === 'trust.signature',
  )
  await assert.rejects(
    client.call('probe', { intent: altered }),
    (error) => error instanceof MusterError && error.code === 'trust.signature',
  )
  assert.equal(
    readOutcome((await client.call('perform', good)).outcome, good.intent).result,
    'done',
  )
})

test('command: a failed start has the error of the operating system', async (t) => {
  const { client, deliver } = await commandedAgent(t)
  const intent = await startIntent(1, { arguments: startArguments(runOf(1), ['/no/such/program']) })
  const body = readOutcome((await client.call('perform', await deliver(intent))).outcome, intent)
  assert.equal(body.result, 'failed')
  assert.match(String(body.detail['error']), /ENOENT|no such file/i)
  const unknown = await stopIntent(2, testUuid(5), 0)
  const stopped = readOutcome(
    (await client.call('perform', await deliver(unknown))).outcome,
    unknown,
  )
  assert.equal(stopped.result, 'failed')
  assert.match(String(stopped.detail['error']), /is not known to this runner/)
})

test('PC-17: a probe waits for a running stop', async (t) => {
  const { client, handlers, runner, deliver, again } = await commandedAgent(t)
  const start = await startIntent(1, {
    arguments: startArguments(runOf(1), [program('ignore-sigterm.sh')]),
  })
  await client.call('perform', await deliver(start))
  // The program must ignore the signal before the stop sends it.
  for await (const part of runner.client.follow(run(1))) if (part.bytes.length > 0) break
  const stop = await stopIntent(2, runOf(1), 200)
  const performed = call(handlers, await deliver(stop))
  const [{ outcome }, asked] = await Promise.all([performed, probe(handlers, stop)])
  const body = readOutcome(outcome, stop)
  assert.equal(body.result, 'done')
  assertSame(asked.outcome, outcome)
  assert.notEqual((await runner.client.status(run(1))).endedAt, undefined)

  const dying = await again(() => ({
    runner: {
      ...runner.client,
      stop: () => {
        throw new Error('kill -9')
      },
    },
  }))
  const late = await stopIntent(3, runOf(1), 0)
  await assert.rejects(call(dying, await deliver(late)), /kill -9/)
  assert.equal(readOutcome((await probe(await again(), late)).outcome, late).result, 'done')
})

test('command: a host reports its position and receives revocations', async (t) => {
  const { client, log, deliver } = await commandedAgent(t)
  assert.deepEqual(await client.call('position', {}), { size: 0, root: null, epoch: 0 })
  const revoke = (epoch: number): Promise<Signed> =>
    signedSample('revocation', operator, {
      id: testUuid(800 + epoch),
      epoch,
      kind: 'grant',
      target: testUuid(900 + epoch),
    })
  await client.call('perform', await deliver(await startIntent(1)))
  const { size, checkpoint } = await client.call('position', {})
  assert.deepEqual([size, checkpoint], [2, (await log.checkpoint(2)).note])
  // Epoch 2 is missing. Epoch 3 counts, and the agent still requests epoch 2.
  assert.deepEqual(
    await client.call('learn', { revocations: [await revoke(1), await revoke(3)] }),
    { epoch: 1 },
  )
  assert.deepEqual(await client.call('learn', { revocations: [await revoke(2)] }), { epoch: 3 })
  assert.equal((await client.call('position', {})).epoch, 3)
  const forged = await signedSample('revocation', stranger, {
    id: testUuid(804),
    epoch: 4,
    kind: 'key',
    target: operator.fingerprint,
  })
  await assert.rejects(
    client.call('learn', { revocations: [forged] }),
    (error) => error instanceof MusterError && error.code === 'trust.revoker',
  )
})

test('command: returns the status of only the runs that this host started', async (t) => {
  const { client, deliver } = await commandedAgent(t)
  await client.call('perform', await deliver(await startIntent(1)))
  const { runs } = await client.call('status', { runs: [testUuid(5), runOf(1)] })
  assert.deepEqual(
    runs.map((one) => one.run),
    [runOf(1)],
  )
  assert.ok(['running', 'exited'].includes(runs[0]?.state ?? ''))
})
