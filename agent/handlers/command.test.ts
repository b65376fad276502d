import assert from 'node:assert/strict'
import test from 'node:test'
import { MusterError } from '../../shared/errors.ts'
import { runId } from '../../shared/ids.ts'
import { signedSample, testUuid } from '../../shared/testing/statements.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { program } from '../runner/testing/programs.ts'
import { call, commandedAgent, probe, said, same } from '../testing/commanded-agent.ts'
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

test('PC-17: an order is carried out once, however often it comes, and every time gets the same signed outcome', async (t) => {
  const { client, runner, order, again } = await commandedAgent(t)
  const intent = await startIntent(1, { arguments: startArguments(runOf(1), ['echo', 'once']) })
  const request = await order(intent)
  const { outcome } = await client.call('perform', request)
  const body = said(outcome, intent)
  assert.deepEqual(
    [body.result, body.operation, body.verb, body.detail['run']],
    ['done', operationOf(1), 'run.start', runOf(1)],
  )
  same((await client.call('perform', request)).outcome, outcome)
  same((await client.call('probe', { intent })).outcome, outcome)
  const restarted = await again()
  same((await call(restarted, request)).outcome, outcome)
  assert.equal((await runner.client.list()).length, 1)
  assert.equal((await runner.output(run(1))).stdout.toString(), 'once\n')
})

test('PC-17: an order that comes twice at the same moment is one run', async (t) => {
  const { handlers, runner, order } = await commandedAgent(t)
  const intent = await startIntent(1)
  const request = await order(intent)
  const both = await Promise.all([
    call(handlers, request),
    call(handlers, request),
    probe(handlers, intent),
  ])
  for (const { outcome } of both) same(outcome, both[0].outcome)
  assert.equal(said(both[0].outcome, intent).result, 'done')
  assert.equal((await runner.client.list()).length, 1)
})

test('PC-06: other words under the id of an earlier order are refused, before and after a restart, and start nothing', async (t) => {
  const { client, runner, order, again } = await commandedAgent(t)
  const first = await startIntent(1)
  const { outcome } = await client.call('perform', await order(first))
  const other = await startIntent(1, {
    arguments: startArguments(runOf(2), ['touch', '/tmp/never']),
  })
  const request = await order(other)
  for (const answer of [
    await client.call('perform', request),
    await call(await again(), request),
  ]) {
    const refusal = said(answer.outcome, other)
    assert.equal(refusal.result, 'refused')
    assert.match(String(refusal.detail['error']), /accepted before with other contents/)
  }
  same((await client.call('probe', { intent: first })).outcome, outcome)
  await assert.rejects(
    client.call('probe', { intent: other }),
    (error) => error instanceof MusterError && error.code === 'command.replayed',
  )
  assert.deepEqual(
    (await runner.client.list()).map((one) => one.run),
    [runOf(1)],
  )
})

test('AL-16: a refusal is signed, names its reason, and is final: the same order with a better proof stays refused', async (t) => {
  const { client, runner, order, again } = await commandedAgent(t)
  const intent = await startIntent(1)
  const good = await order(intent)
  const { outcome } = await client.call('perform', { ...good, inclusion: [] })
  const refusal = said(outcome, intent)
  assert.equal(refusal.result, 'refused')
  assert.match(String(refusal.detail['error']), /inclusion proof is invalid/)
  for (const answer of [
    await client.call('perform', good),
    await call(await again(), good),
    await client.call('probe', { intent }),
  ])
    same(answer.outcome, outcome)
  assert.deepEqual(await runner.client.list(), [])
})

test('AL-16: somebody else’s order under the same id does not refuse the real one, nor speak for it', async (t) => {
  const { client, order } = await commandedAgent(t)
  const real = await startIntent(1)
  const { outcome } = await client.call('perform', await order(real))
  const forged = await startIntent(1, {}, stranger)
  const refusal = (await client.call('perform', await order(forged))).outcome
  assert.equal(said(refusal, forged).result, 'refused')
  assert.notEqual(
    readSigned(refusal, 'outcome').detail['intent'],
    readSigned(outcome, 'outcome').detail['intent'],
  )
  same((await client.call('probe', { intent: real })).outcome, outcome)
})

test('command: what is no genuine intent gets no outcome at all', async (t) => {
  const { client, order } = await commandedAgent(t)
  const good = await order(await startIntent(1))
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
  assert.equal(said((await client.call('perform', good)).outcome, good.intent).result, 'done')
})

test('command: a program that does not start is a failed outcome with the system’s words', async (t) => {
  const { client, order } = await commandedAgent(t)
  const intent = await startIntent(1, { arguments: startArguments(runOf(1), ['/no/such/program']) })
  const body = said((await client.call('perform', await order(intent))).outcome, intent)
  assert.equal(body.result, 'failed')
  assert.match(String(body.detail['error']), /ENOENT|no such file/i)
  const unknown = await stopIntent(2, testUuid(5), 0)
  const stopped = said((await client.call('perform', await order(unknown))).outcome, unknown)
  assert.equal(stopped.result, 'failed')
  assert.match(String(stopped.detail['error']), /is not known to this runner/)
})

test('PC-17: whoever asks about a stop that is under way waits for its end; interrupted, it tells how the run stands', async (t) => {
  const { client, handlers, runner, order, again } = await commandedAgent(t)
  const start = await startIntent(1, {
    arguments: startArguments(runOf(1), [program('ignore-sigterm.sh')]),
  })
  await client.call('perform', await order(start))
  // Until the program ignores the signal, it would die of it.
  for await (const part of runner.client.follow(run(1))) if (part.bytes.length > 0) break
  const stop = await stopIntent(2, runOf(1), 200)
  const performed = call(handlers, await order(stop))
  const [{ outcome }, asked] = await Promise.all([performed, probe(handlers, stop)])
  const body = said(outcome, stop)
  assert.equal(body.result, 'done')
  same(asked.outcome, outcome)
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
  await assert.rejects(call(dying, await order(late)), /kill -9/)
  assert.equal(said((await probe(await again(), late)).outcome, late).result, 'done')
})

test('command: a host says how far it knows the log and the revocations, and learns more ahead of an order', async (t) => {
  const { client, log, order } = await commandedAgent(t)
  assert.deepEqual(await client.call('position', {}), { size: 0, root: null, epoch: 0 })
  const revoke = (epoch: number): Promise<Signed> =>
    signedSample('revocation', operator, {
      id: testUuid(800 + epoch),
      epoch,
      kind: 'grant',
      target: testUuid(900 + epoch),
    })
  await client.call('perform', await order(await startIntent(1)))
  const { size, checkpoint } = await client.call('position', {})
  assert.deepEqual([size, checkpoint], [2, (await log.checkpoint(2)).note])
  // One is missing in between: what comes behind it counts, and is still asked for.
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

test('command: states of the runs that the host knows; of others it says nothing', async (t) => {
  const { client, order } = await commandedAgent(t)
  await client.call('perform', await order(await startIntent(1)))
  const { runs } = await client.call('status', { runs: [testUuid(5), runOf(1)] })
  assert.deepEqual(
    runs.map((one) => one.run),
    [runOf(1)],
  )
  assert.ok(['running', 'exited'].includes(runs[0]?.state ?? ''))
})
