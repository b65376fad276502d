import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { systemClock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { type AgentId, agentId, operationId, runId, uuidv7Generator } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { shortId } from '../../shared/short-id.ts'
import { TEST_TIME, testUuid } from '../../shared/testing/statements.ts'
import { operator, testCoordinator } from '../testing/coordinator.ts'
import { stateOf } from '../testing/hosts.ts'
import { RUNS_PAGE } from './find-runs.ts'
import { createRuns, type Runs } from './runs.ts'

const started = {
  operation: operationId.parse(testUuid(900)),
  command: ['true'],
  name: undefined,
  actor: operator.fingerprint,
  at: TEST_TIME,
}

const id = (n: number) => runId.parse(`0000000${n}-0000-4000-8000-000000000000`)
const status = (
  n: number,
  state: RunStatusMessage['state'],
  changes: Partial<RunStatusMessage> = {},
): RunStatusMessage => stateOf(id(n), { state, startedAt: null, ...changes })

/** Runs `work` with new runs of one host. */
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

test('runs: an older report that comes late does not revive a run', () =>
  withRuns(1, async (runs, host) => {
    await runs.update(host, status(1, 'running'), TEST_TIME)
    await runs.update(
      host,
      status(1, 'exited', { exitCode: 3, stdoutBytes: 2, stderrBytes: 5 }),
      TEST_TIME,
    )
    for (const late of ['running', 'starting'] as const)
      await runs.update(host, status(1, late), TEST_TIME)
    const { state, exitCode, outputBytes } = await runs.find(id(1))
    assert.deepEqual([state, exitCode, outputBytes], ['exited', 3, 7])
  }))

test('runs: only a run that has not started can fail to start', () =>
  withRuns(2, async (runs, host) => {
    await runs.update(host, status(1, 'running'), TEST_TIME)
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

test('runs: a run is found by its id or a part of it, and lists are newest first', () =>
  withRuns(3, async (runs, host) => {
    assert.equal((await runs.find('00000002')).run, id(2))
    await assert.rejects(runs.find('0000'), { code: 'dispatch.ambiguous-run' })
    await assert.rejects(runs.find('000000000000'), { code: 'dispatch.ambiguous-run' })
    for (const text of ['', '%', '____', '0000000%', '00000002-%', 'ffff', `${id(1)}0`])
      await assert.rejects(runs.find(text), { code: 'dispatch.unknown-run' }, text)
    await runs.update(host, status(2, 'exited', { exitCode: 0 }), TEST_TIME)
    const listed = async (all: boolean) => (await runs.list({ all })).runs.map(({ run }) => run)
    assert.deepEqual(
      [await listed(false), await listed(true)],
      [
        [id(3), id(1)],
        [id(3), id(2), id(1)],
      ],
    )
    assert.deepEqual((await runs.list({ all: true, agents: [] })).runs, [])
  }))

test('runs: an ambiguous text lists the runs with host, state and command', () =>
  withRuns(3, async (runs, host) => {
    await runs.update(host, status(1, 'exited', { exitCode: 4 }), TEST_TIME)
    const error = await runs.find('0000').catch((reason: unknown) => reason)
    assert.ok(error instanceof MusterError)
    assert.equal(error.exit, 'conflict')
    assert.match(error.message, new RegExp(`${id(1)} {3}web-1 {3}exited: 4 {3}true`))
    assert.match(error.message, new RegExp(`${id(3)} {3}web-1 {3}running {3}true`))
  }))

test('runs: ids of the same time have different ends', async () => {
  await using coordinator = await testCoordinator()
  const host = await coordinator.member('web-1')
  const runs = createRuns({ database: coordinator.database })
  const newId = uuidv7Generator({ clock: systemClock, random: systemRandom })
  const ids = Array.from({ length: 20 }, () => runId.parse(newId()))
  await coordinator.database.transaction(async (tx) => {
    for (const one of ids) await runs.insert(tx, { ...started, id: one, agent: host.id })
  })
  // The ids are from the same minute, so they have the same beginning.
  await assert.rejects(runs.find((ids[0] as string).slice(0, 8)), {
    code: 'dispatch.ambiguous-run',
  })
  for (const one of ids) assert.equal((await runs.find(shortId(one))).run, one)
  assert.equal((await runs.find(shortId(ids[3] as string).toUpperCase())).run, ids[3])
})

test('runs: the pages of a list have every run once', async () => {
  await using coordinator = await testCoordinator()
  const host = await coordinator.member('web-1')
  const runs = createRuns({ database: coordinator.database })
  const count = RUNS_PAGE + 422
  const ids = Array.from({ length: count }, (_, n) => runId.parse(testUuid(1000 + n)))
  await coordinator.database.transaction(async (tx) => {
    // Many runs have the same time. Their order must be the same on every page.
    for (const [n, one] of ids.entries())
      await runs.insert(tx, { ...started, id: one, agent: host.id, at: TEST_TIME + (n % 7) })
  })
  const seen: string[] = []
  for (let after: string | undefined; ; ) {
    const page = await runs.list({ all: true, after })
    assert.ok(page.runs.length <= RUNS_PAGE)
    seen.push(...page.runs.map(({ run }) => run))
    if (page.next === undefined) break
    after = page.next
  }
  assert.equal(seen.length, count)
  assert.deepEqual([...seen].sort(), [...ids].sort())
})

test('runs: a run without a record on its host is lost until the host has one', () =>
  withRuns(3, async (runs, host) => {
    await runs.update(host, status(2, 'running'), TEST_TIME)
    await runs.update(host, status(3, 'exited', { exitCode: 0 }), TEST_TIME)
    await runs.disown(host, [id(1), id(2), id(3)], TEST_TIME + 5)
    const words = async (n: number) => {
      const { state, reason } = await runs.find(id(n))
      return [state, reason]
    }
    assert.deepEqual(await words(1), ['lost', 'its host has no record of it'])
    assert.deepEqual(await words(2), ['lost', 'its host has no record of it'])
    assert.deepEqual(await words(3), ['exited', null])
    await runs.failed(id(1), 'no space')
    assert.deepEqual(await words(1), ['failed to start', 'no space'])
    await runs.update(host, status(2, 'running'), TEST_TIME)
    assert.deepEqual(await words(2), ['running', null])
  }))
