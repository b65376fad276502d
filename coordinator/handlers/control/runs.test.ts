/** Responses about runs, from honest hosts and from hosts with false reports. */
import { outputRefusal } from '../../../protocols/output/errors.ts'
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { wireError } from '../../../protocols/wire/errors.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import type { MusterError } from '../../../shared/errors.ts'
import { control } from '../../../protocols/control/protocol.ts'
import { createPolicy } from '../../sessions/policy.ts'
import { type RunId, runId } from '../../../shared/ids.ts'
import { TEST_TIME, testUuid } from '../../../shared/testing/statements.ts'
import type { Dialect } from '../../database/schema/columns.ts'
import { databaseError } from '../../database/errors.ts'
import { DIALECTS } from '../../database/testing.ts'
import { createDispatch } from '../../dispatch/dispatch.ts'
import { createRuns } from '../../dispatch/runs.ts'
import type { AgentRecord } from '../../registry/agents.ts'
import {
  newOperation,
  operator,
  stranger,
  type TestCoordinator,
  testCoordinator,
} from '../../testing/coordinator.ts'
import { stateOf, type TestHosts, testHosts } from '../../testing/hosts.ts'
import { runHandlers } from './runs.ts'

const forever = new AbortController().signal
const context = { signal: forever } as never

interface Scene {
  readonly coordinator: TestCoordinator
  readonly hosts: TestHosts
  readonly a: AgentRecord
  readonly b: AgentRecord
  readonly runs: ReturnType<typeof createRuns>
  readonly ask: ReturnType<typeof runHandlers>
  /** Inserts a run without a report from its host. */
  started(host: AgentRecord, number: number): Promise<RunId>
  status(run: string): Promise<string>
}

async function scene(stack: AsyncDisposableStack, dialect: Dialect): Promise<Scene> {
  const coordinator = stack.use(await testCoordinator(dialect))
  const hosts = stack.use(await testHosts(coordinator.clock))
  const { ledger, access, agents, clock, log, database } = coordinator
  const runs = createRuns({ database })
  const dispatch = createDispatch({ ledger, access, agents, clock, log, open: hosts.open })
  const ask = runHandlers({ agents, runs, dispatch, clock, access, open: hosts.open })
  return {
    coordinator,
    hosts,
    runs,
    ask,
    a: await coordinator.member('a', { role: 'web' }),
    b: await coordinator.member('b', { role: 'db' }),
    async started(host, number) {
      const id = runId.parse(testUuid(number))
      const command = ['sleep', '9']
      const row = {
        id,
        agent: host.id,
        operation: newOperation(),
        command,
        name: undefined,
        actor: operator.fingerprint,
        at: clock.now(),
      }
      await database.transaction((tx) => runs.insert(tx, row))
      return id
    },
    status: async (run) => (await ask['run.status'].run({ run }, context)).status,
  }
}

it('PC-27: a caller without rights cannot find out whether a host or run exists', async () => {
  await using stack = new AsyncDisposableStack()
  const { coordinator, ask } = await scene(stack, 'sqlite')
  await coordinator.member('app-1')
  await coordinator.member('app-2')
  const policy = createPolicy(coordinator)
  const refusal = async (on: string): Promise<string> => {
    const targets = await ask['run.list'].targets({ on: [on], all: true })
    const peer = {
      session: { operator: stranger.fingerprint, notAfter: coordinator.clock.at + 60_000 },
    } as never
    const { capability } = control.methods['run.list']
    const error = await policy
      .allow(capability, peer, { protocol: 'control', method: 'run.list', targets })
      .then(
        () => undefined,
        (reason: MusterError) => reason,
      )
    return `${error?.code} ${JSON.stringify(error?.data)}`
  }
  // A known host, an unknown host, an ambiguous prefix, a label that some hosts have, a label that
  // no host has, and an invalid selector.
  const refusals = await Promise.all(
    ['a', 'nobody', 'app', 'role=web', 'role=none', '=', 'all'].map(refusal),
  )
  assert.match(refusals[0] as string, /^trust\.denied /)
  assert.deepEqual([...new Set(refusals)], [refusals[0]])
})

for (const dialect of DIALECTS) {
  it(`runs: ignores a report about the run of another host (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, hosts, a, b, started, status, ask, runs } = await scene(stack, dialect)
    const [own, other] = [await started(a, 1), await started(b, 2)]
    const lies = [stateOf(own), stateOf(other, { state: 'exited', exitCode: 0 })]
    await hosts.connect(a, { command: { status: async () => ({ runs: lies }) } })
    assert.equal(await status(own), 'running')
    assert.equal((await ask['run.list'].run({ all: false }, context)).runs.length, 2)
    assert.equal(await status(other), 'not confirmed')
    // The host also reports another run at the end of the output.
    await hosts.connect(a, {
      output: {
        read: async () => ({ status: stateOf(other, { state: 'killed', signal: 'SIGKILL' }) }),
      },
    })
    const session = { operator: operator.fingerprint, notAfter: coordinator.clock.at + 60_000 }
    const watching = {
      signal: forever,
      caller: { kind: 'operator', ...session },
      peer: { session },
      send: async () => undefined,
    } as never
    const shown = await ask['run.output'].run(
      { run: own, follow: false, stdout: 0, stderr: 0 },
      watching,
    )
    assert.deepEqual([shown.run, shown.state], [own, 'running'])
    await runs.update(a.id, stateOf(other, { state: 'exited', exitCode: 0 }), TEST_TIME)
    assert.equal((await runs.find(other)).state, 'starting')
    assert.equal((await runs.find(own)).state, 'running')
  })

  it(`runs: invalid values in a report are removed or cut (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { hosts, a, b, started, ask, runs } = await scene(stack, dialect)
    const [own, other] = [await started(a, 1), await started(b, 2)]
    const odd = {
      startedAt: 'yesterday, or the day before that one',
      endedAt: '\0',
      reason: `\0${'x'.repeat(300_000)}`,
      limits: 'y'.repeat(100_000),
      signal: 'SIG'.repeat(1000),
      stdoutBytes: Number.MAX_SAFE_INTEGER,
      stderrBytes: Number.MAX_SAFE_INTEGER,
      droppedBytes: -1,
    }
    await hosts.connect(a, { command: { status: async () => ({ runs: [stateOf(own, odd)] }) } })
    for (const asked of ['the host', 'the rows']) {
      const { runs: rows } = await ask['run.list'].run({ all: false }, context)
      assert.deepEqual(rows.map((row) => row.run).sort(), [own, other], asked)
      const row = rows.find((one) => one.run === own)
      assert.ok(JSON.stringify(row).length < 3000, asked)
      assert.ok(
        Number.isSafeInteger(row?.outputBytes) && row?.startedAt === null && row.endedAt === null,
        asked,
      )
      hosts.disconnect(a)
    }
    assert.equal((await runs.find(own)).reason?.startsWith('\uFFFDxxx'), true)
  })

  it(`runs: an ended run stays ended, unless it was recorded as lost (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { a, started, runs } = await scene(stack, dialect)
    const run = await started(a, 1)
    await runs.update(a.id, stateOf(run, { state: 'lost', reason: 'reboot' }), TEST_TIME)
    await runs.update(a.id, stateOf(run), TEST_TIME)
    assert.equal((await runs.find(run)).state, 'lost')
    await runs.update(a.id, stateOf(run, { state: 'exited', exitCode: 3 }), TEST_TIME)
    await runs.update(a.id, stateOf(run, { state: 'killed', signal: 'SIGKILL' }), TEST_TIME)
    await runs.update(a.id, stateOf(run, { state: 'lost', reason: 'reboot' }), TEST_TIME)
    const { state, exitCode, signal } = await runs.find(run)
    assert.deepEqual({ state, exitCode, signal }, { state: 'exited', exitCode: 3, signal: null })
  })

  it(`runs: the last report of an offline or silent host is marked (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, hosts, a, started, ask } = await scene(stack, dialect)
    const run = await started(a, 1)
    const show = () => ask['run.status'].run({ run }, context)
    await hosts.connect(a, { command: { status: async () => ({ runs: [stateOf(run)] }) } })
    const alive = await show()
    assert.deepEqual(
      [alive.status, alive.stale, alive.contact, alive.unreachableSince, alive.seenAt],
      ['running', false, 'answered', null, rfc3339(TEST_TIME)],
    )
    await coordinator.agents.recordContact(a.id, TEST_TIME + 1000)
    coordinator.clock.at = TEST_TIME + 60_000
    hosts.disconnect(a)
    const gone = await show()
    assert.deepEqual(
      [gone.status, gone.stale, gone.contact, gone.unreachableSince, gone.seenAt],
      ['running', true, 'offline', rfc3339(TEST_TIME + 1000), rfc3339(TEST_TIME)],
    )
    const [listed] = (await ask['run.list'].run({ all: false }, context)).runs
    assert.deepEqual([listed?.stale, listed?.contact], [true, 'offline'])
    // The host is connected and does not respond. The last report is shown with its time.
    const refuse = async () => {
      throw wireError('protocol.closed', { what: 'the answer' })
    }
    await hosts.connect(a, { command: { status: refuse } })
    const silent = await show()
    assert.deepEqual(
      [silent.stale, silent.contact, silent.unreachableSince],
      [true, 'silent', rfc3339(TEST_TIME)],
    )
    // The state of an ended run needs no response from the host.
    const end = stateOf(run, { state: 'exited', exitCode: 9 })
    await hosts.connect(a, { command: { status: async () => ({ runs: [end] }) } })
    assert.equal((await show()).status, 'exited: 9')
    hosts.disconnect(a)
    assert.deepEqual([(await show()).status, (await show()).stale], ['exited: 9', false])
  })

  it(`runs: a run is not confirmed before its host reports it (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { hosts, a, started, ask } = await scene(stack, dialect)
    const run = await started(a, 1)
    const show = () => ask['run.status'].run({ run }, context)
    const gone = await show()
    assert.deepEqual(
      [gone.status, gone.state, gone.stale, gone.contact, gone.seenAt],
      ['not confirmed', 'starting', true, 'offline', null],
    )
    const [listed] = (await ask['run.list'].run({ all: false }, context)).runs
    assert.equal(listed?.status, 'not confirmed')
    await hosts.connect(a, { command: { status: async () => ({ runs: [stateOf(run)] }) } })
    assert.equal((await show()).status, 'running')
    hosts.disconnect(a)
    assert.equal((await show()).status, 'running')
  })

  it(`runs: a host's report is shown although the database is full (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, hosts, a, started, runs } = await scene(stack, dialect)
    const { ledger, access, agents, clock, log } = coordinator
    const dispatch = createDispatch({ ledger, access, agents, clock, log, open: hosts.open })
    const full = async (): Promise<void> => {
      throw databaseError('database.full', { database: 'muster.db' })
    }
    const ask = runHandlers({
      agents,
      dispatch,
      clock,
      access,
      open: hosts.open,
      runs: { ...runs, update: full, disown: full },
    })
    const run = await started(a, 1)
    const end = stateOf(run, { state: 'exited', exitCode: 3 })
    await hosts.connect(a, {
      command: { status: async () => ({ runs: [end] }) },
      output: { read: async () => ({ status: end }) },
    })
    const row = await ask['run.status'].run({ run }, context)
    assert.deepEqual([row.status, row.stale, row.contact], ['exited: 3', false, 'answered'])
    const session = { operator: operator.fingerprint, notAfter: clock.at + 60_000 }
    const watching = {
      signal: forever,
      caller: { kind: 'operator', ...session },
      peer: { session },
      send: async () => undefined,
    } as never
    const request = { run, follow: true, stdout: 0, stderr: 0 }
    assert.equal((await ask['run.output'].run(request, watching)).status, 'exited: 3')
  })

  it(`runs: a run that its host lacks is lost once its intent is closed (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, hosts, a, started, status, ask, runs } = await scene(stack, dialect)
    const run = await started(a, 1)
    const { operation } = await runs.find(run)
    const intent = { operation, index: 0, verb: 'run.start' }
    const { database, ledger } = coordinator
    await database.transaction((tx) => ledger.openIntent(tx, intent))
    await hosts.connect(a, { command: { status: async () => ({ runs: [] }) } })
    assert.equal(await status(run), 'not confirmed')
    await database.transaction((tx) => ledger.closeIntent(tx, operation))
    assert.equal(await status(run), 'lost: its host has no record of it')
    assert.deepEqual((await ask['run.list'].run({ all: false }, context)).runs, [])
    // The request for its output fails with the coordinator's error, not with the runner's code.
    const other = await started(a, 2)
    const unknown = async () => {
      throw outputRefusal('runner.unknown-run', { run: '' })
    }
    await hosts.connect(a, {
      command: { status: async () => ({ runs: [] }) },
      output: { read: unknown },
    })
    const session = { operator: operator.fingerprint, notAfter: coordinator.clock.at + 60_000 }
    const watching = {
      signal: forever,
      caller: { kind: 'operator', ...session },
      peer: { session },
      send: async () => undefined,
    } as never
    const request = { run: other, follow: true, stdout: 0, stderr: 0 }
    await assert.rejects(
      Promise.resolve(ask['run.output'].run(request, watching)),
      /a has no output of run .*: lost: its host has no record of it/,
    )
  })
}
