/**
 * Tests the coordinator's records of runs. The test gives the responses of hosts. Tests with real
 * hosts are in e2e/scenarios.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ArgumentsOf } from '../../protocols/control/verbs.ts'
import { runId } from '../../shared/ids.ts'
import { testKey, testUuid } from '../../shared/testing/statements.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import { createRuns } from '../dispatch/runs.ts'
import { testCoordinator } from '../testing/coordinator.ts'
import type { LoggedOperation } from '../operations/operation.ts'
import { done, type TargetResult } from '../outcomes/result.ts'
import { runVerbs } from './runs.ts'

/**
 * Creates a coordinator with the real verbs on runs, and a dispatch in which every host responds
 * with `answer`.
 */
async function withRuns(answer: (target: string) => TargetResult = (target) => done(target)) {
  const coordinator = await testCoordinator()
  const runs = createRuns({ database: coordinator.database })
  const answers = async (operation: LoggedOperation): Promise<TargetResult[]> =>
    operation.targets.map(answer)
  const absent = () => Promise.reject(new Error('no host connects here'))
  const dispatch: Dispatch = { deliver: answers, probe: answers, witness: absent, connect: absent }
  const at = await coordinator.start({
    handlers: runVerbs({ ...coordinator, dispatch, runs }),
  })
  return { coordinator, runs, perform: (intent: Signed) => coordinator.perform(intent, { at }) }
}

const run = (number: number) => testUuid(700 + number)
const starting = (runs: Record<string, string>) =>
  ({ command: ['true'], env: {}, limits: { outputBytes: 1024 }, runs }) as ArgumentsOf<'run.start'>

test('run verbs: a start needs one run id for each approved target', async () => {
  const { coordinator, perform } = await withRuns()
  await using _ = coordinator
  const web = await coordinator.member('web-1')
  const db = await coordinator.member('db-1')
  const gone = await coordinator.member('gone', {}, testKey(199))
  await coordinator.database.transaction((tx) =>
    coordinator.agents.revoke(tx, gone.id, coordinator.clock.now()),
  )
  const before = [await coordinator.rows(), await coordinator.entries()]
  for (const [code, targets, runs] of [
    ['operation.malformed', [web.id, db.id], { [web.id]: run(1) }],
    ['operation.malformed', [web.id], { [web.id]: run(1), [db.id]: run(2) }],
    ['registry.not-approved', [gone.id], { [gone.id]: run(1) }],
  ] as const) {
    const intent = await coordinator.intent('run.start', { targets, arguments: starting(runs) })
    await assert.rejects(perform(intent), { code })
  }
  assert.deepEqual([await coordinator.rows(), await coordinator.entries()], before)
})

test('run verbs: a refused start never runs later', async () => {
  const answers: Record<string, TargetResult['result']> = {}
  const { coordinator, runs, perform } = await withRuns((target) => ({
    target,
    result: answers[target] as TargetResult['result'],
    detail: {},
    ...(answers[target] === 'refused'
      ? { error: { code: 'command.refused', data: { reason: 'not today' } } }
      : {}),
  }))
  await using _ = coordinator
  const results = ['done', 'unknown', 'refused', 'failed'] as const
  const hosts = []
  for (const [index, result] of results.entries()) {
    const host = await coordinator.member(`${result}-${index}`)
    answers[host.id] = result
    hosts.push(host.id)
  }
  const ordered = Object.fromEntries(hosts.map((host, index) => [host, run(index)]))
  await perform(
    await coordinator.intent('run.start', { targets: hosts, arguments: starting(ordered) }),
  )
  const records = await Promise.all(hosts.map((_host, index) => runs.find(runId.parse(run(index)))))
  assert.deepEqual(
    records.map(({ state, reason }) => [state, reason]),
    [
      ['running', null],
      ['starting', null],
      ['failed to start', 'not today'],
      ['failed to start', 'failed'],
    ],
  )
})

test('run verbs: a stop goes only to the host of the run', async () => {
  const { coordinator, perform } = await withRuns()
  await using _ = coordinator
  const web = await coordinator.member('web-1')
  const db = await coordinator.member('db-1')
  await perform(
    await coordinator.intent('run.start', {
      targets: [web.id],
      arguments: starting({ [web.id]: run(1) }),
    }),
  )
  const stop = (targets: readonly string[]) =>
    coordinator.intent('run.stop', { targets, arguments: { run: run(1), graceMs: 0 } })
  for (const targets of [[db.id], [web.id, db.id]])
    await assert.rejects(perform(await stop(targets)), { code: 'operation.malformed' })
  assert.deepEqual((await perform(await stop([web.id]))).results, [
    { target: web.id, result: 'done', detail: {} },
  ])
})
