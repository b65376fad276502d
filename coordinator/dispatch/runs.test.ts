import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { type AgentId, agentId, operationId, runId } from '../../shared/ids.ts'
import { TEST_TIME, testUuid } from '../../shared/testing/statements.ts'
import { operator, testCoordinator } from '../testing/coordinator.ts'
import { stateOf } from '../testing/hosts.ts'
import { createRuns, type Runs } from './runs.ts'

const id = (n: number) => runId.parse(`0000000${n}-0000-4000-8000-000000000000`)
const status = (
  n: number,
  state: RunStatusMessage['state'],
  changes: Partial<RunStatusMessage> = {},
): RunStatusMessage => stateOf(id(n), { state, startedAt: null, ...changes })

/** Work on runs of one host, all just ordered. */
async function withRuns(
  count: number,
  work: (runs: Runs, host: AgentId) => Promise<void>,
): Promise<void> {
  await using coordinator = await testCoordinator()
  const host = await coordinator.member('web-1')
  const runs = createRuns({ database: coordinator.database })
  await coordinator.database.transaction(async (tx) => {
    for (let n = 1; n <= count; n += 1)
      await runs.insert(tx, {
        id: id(n),
        agent: agentId.parse(host.id),
        operation: operationId.parse(testUuid(900 + n)),
        command: ['true'],
        name: undefined,
        actor: operator.fingerprint,
        at: TEST_TIME + n,
      })
  })
  await work(runs, agentId.parse(host.id))
}

test('runs: an older answer that comes late does not bring a run back to life', () =>
  withRuns(1, async (runs, host) => {
    await runs.update(host, status(1, 'running'))
    await runs.update(host, status(1, 'exited', { exitCode: 3, stdoutBytes: 2, stderrBytes: 5 }))
    for (const late of ['running', 'starting'] as const) await runs.update(host, status(1, late))
    const { state, exitCode, outputBytes } = await runs.find(id(1))
    assert.deepEqual([state, exitCode, outputBytes], ['exited', 3, 7])
  }))

test('runs: only a run that has not begun is marked as one that never will', () =>
  withRuns(2, async (runs, host) => {
    await runs.update(host, status(1, 'running'))
    for (const n of [1, 2]) await runs.failed(id(n), 'no host')
    const found = await Promise.all([1, 2].map((n) => runs.find(id(n))))
    assert.deepEqual(
      found.map(({ state, reason }) => [state, reason]),
      [
        ['running', null],
        ['failed to start', 'no host'],
      ],
    )
  }))

test('runs: one is found by its id or the beginning of it, and by no pattern; those that go on are listed newest first', () =>
  withRuns(3, async (runs, host) => {
    assert.equal((await runs.find('00000002')).run, id(2))
    await assert.rejects(runs.find('0000'), { code: 'dispatch.ambiguous-run' })
    for (const text of ['', '%', '____', '0000000%', '00000002-%', 'ffff', `${id(1)}0`])
      await assert.rejects(runs.find(text), { code: 'dispatch.unknown-run' }, text)
    await runs.update(host, status(2, 'exited', { exitCode: 0 }))
    const listed = async (all: boolean) => (await runs.list({ all })).map(({ run }) => run)
    assert.deepEqual(
      [await listed(false), await listed(true)],
      [
        [id(3), id(1)],
        [id(3), id(2), id(1)],
      ],
    )
    assert.deepEqual(await runs.list({ all: true, agents: [] }), [])
  }))
