/** Unknown outcomes: a host that reconnects sends the outcome that it signed. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { command } from '../../protocols/command/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { runId } from '../../shared/ids.ts'
import { testKey, testUuid } from '../../shared/testing/statements.ts'
import type { Dialect } from '../database/schema/columns.ts'
import { DIALECTS } from '../database/testing.ts'
import { createDispatch } from '../dispatch/dispatch.ts'
import { createRuns } from '../dispatch/runs.ts'
import { testCoordinator } from '../testing/coordinator.ts'
import { outcomeBy, testHosts } from '../testing/hosts.ts'
import { runVerbs } from './runs.ts'
import { createUnknownOutcomes } from './unknown-outcomes.ts'

type Commands = Partial<Handlers<typeof command>>

const forever = new AbortController().signal
const run = runId.parse(testUuid(1))
const broken = async (): Promise<never> => {
  throw wireError('protocol.internal', { method: 'perform' })
}

async function scene(stack: AsyncDisposableStack, dialect: Dialect) {
  const coordinator = stack.use(await testCoordinator(dialect))
  const hosts = stack.use(await testHosts(coordinator.clock))
  const { ledger, access, agents, clock, log, database } = coordinator
  const runs = createRuns({ database })
  const dispatch = createDispatch({ ledger, access, agents, clock, log, open: hosts.open })
  const parts = await coordinator.start({ handlers: runVerbs({ agents, dispatch, runs, clock }) })
  const unknown = createUnknownOutcomes({
    database,
    ledger: parts.ledger,
    outcomes: parts.outcomes,
    dispatch,
    clock,
    log,
    runs,
  })
  const host = await coordinator.member('host-0', {}, testKey(100))
  const signed = await coordinator.intent('run.start', {
    targets: [host.id],
    arguments: {
      runs: { [host.id]: run },
      command: ['true'],
      env: {},
      limits: { outputBytes: 1 },
    },
  })
  const results = async (): Promise<string[]> =>
    (await coordinator.entries())
      .filter(({ entry }) => entry.type === 'outcome')
      .map(({ statement }) => String(statement['result']))
  const answer = (commands: Commands) => hosts.connect(host, { command: commands })
  const perform = async (): Promise<string[]> =>
    (await coordinator.perform(signed, { at: parts })).results.map(({ result }) => result)
  const state = async (): Promise<string> => {
    const { state: word, reason } = await runs.find(run)
    return reason === null ? word : `${word}: ${reason}`
  }
  return { coordinator, hosts, host, unknown, answer, perform, results, state }
}

for (const dialect of DIALECTS)
  it(`unknown outcomes: an unreadable intent does not block later ones (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, host, unknown, answer, perform, results } = await scene(stack, dialect)
    await answer({ perform: broken, probe: broken })
    assert.deepEqual(await perform(), ['unknown'])
    // The id of an entry of another version. It sorts before all other ids.
    const foreign = `0${testUuid(7).slice(1)}`
    await coordinator.database.query
      .updateTable('log_entry')
      .set({ operation: foreign })
      .where('index', '=', 0)
      .execute()
    await coordinator.database.query
      .insertInto('unknown_outcome')
      .values({ operation: foreign, target: host.id })
      .execute()
    await answer({
      probe: async ({ intent }) => ({
        outcome: await outcomeBy(testKey(100), host, intent, { result: 'done' }),
      }),
    })
    assert.equal(await unknown.settle(host, forever), 1)
    assert.deepEqual(await results(), ['unknown', 'done'])
  })

for (const dialect of DIALECTS) {
  it(`unknown outcomes: a reconnected host refuses the start (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, unknown, answer, perform, results, state } = await scene(stack, dialect)
    await answer({ perform: broken, probe: broken })
    assert.deepEqual(await perform(), ['unknown'])
    // The host fails again. Nothing is settled, and the coordinator asks again when the host
    // reconnects.
    assert.equal(await unknown.settle(host, forever), 0)
    assert.deepEqual(await results(), ['unknown'])
    await answer({
      probe: async ({ intent }) => ({
        outcome: await outcomeBy(testKey(100), host, intent, {
          result: 'refused',
          detail: { error: 'no space on the disk' },
        }),
      }),
    })
    assert.equal(await unknown.settle(host, forever), 1)
    assert.deepEqual(await results(), ['unknown', 'refused'])
    assert.equal(await state(), 'failed to start: no space on the disk')
    // A repeated operation gets the outcome that the host signed. The coordinator doesn't ask the
    // host again.
    assert.deepEqual(await perform(), ['refused'])
    assert.equal(await unknown.settle(host, forever), 0)
  })

  it(`unknown outcomes: an operation that was done is logged once (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, unknown, answer, perform, results, state } = await scene(stack, dialect)
    await answer({ perform: broken, probe: broken })
    await perform()
    await answer({
      probe: async ({ intent }) => ({ outcome: await outcomeBy(testKey(100), host, intent) }),
    })
    const settled = await Promise.all([
      unknown.settle(host, forever),
      unknown.settle(host, forever),
    ])
    assert.equal(settled[0] + settled[1], 1)
    assert.deepEqual(await results(), ['unknown', 'done'])
    assert.equal(await state(), 'running')
  })

  it(`unknown outcomes: a host without a record is not asked again (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, unknown, answer, perform, results } = await scene(stack, dialect)
    await answer({ perform: broken, probe: broken })
    await perform()
    const asked = { times: 0 }
    await answer({
      probe: async ({ intent }) => {
        asked.times += 1
        return { outcome: await outcomeBy(testKey(100), host, intent, { result: 'unknown' }) }
      },
    })
    await unknown.settle(host, forever)
    await unknown.settle(host, forever)
    assert.deepEqual([asked.times, await results()], [1, ['unknown']])
  })
}
