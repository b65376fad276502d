/**
 * The coordinator checks the values that are sent with an intent, sends them to the intent's hosts,
 * and never stores them. The hosts use the real protocol on a socket.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import type { PerformRequest } from '../../protocols/command/messages.ts'
import { MusterError } from '../../shared/errors.ts'
import { systemRandom } from '../../shared/random.ts'
import { testKey } from '../../shared/testing/statements.ts'
import { commitmentOf, type Opening, openingsOf } from '../../shared/trust/commitment.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { createDispatch, type DispatchDeps } from '../dispatch/dispatch.ts'
import { createRuns } from '../dispatch/runs.ts'
import type { AgentRecord } from '../registry/agents.ts'
import {
  type CoordinatorParts,
  newOperation,
  type TestCoordinator,
  testCoordinator,
} from '../testing/coordinator.ts'
import { outcomeBy, testHosts } from '../testing/hosts.ts'
import { runVerbs } from '../verbs/runs.ts'

const CANARY = 'canary-9f8e7d6c'
const OPENINGS = openingsOf({ random: systemRandom }, { TOKEN: CANARY, LANG: 'C' })
const HOSTS = ['web-1', 'web-2']

interface Hosts {
  readonly coordinator: TestCoordinator
  /** The requests that each host received. */
  readonly received: { host: string; request: PerformRequest }[]
  /** Creates the parts again on the same database. `open` replaces the connections to the hosts. */
  again(open?: DispatchDeps['open']): Promise<CoordinatorParts>
  intent(env?: readonly Opening[]): Promise<Signed>
}

async function hosts(
  t: TestContext,
  answer: (request: PerformRequest) => void = () => undefined,
): Promise<Hosts> {
  const coordinator = await testCoordinator('sqlite')
  t.after(() => coordinator[Symbol.asyncDispose]())
  const sockets = await testHosts(coordinator.clock)
  t.after(() => sockets[Symbol.asyncDispose]())
  const received: Hosts['received'] = []
  const members: AgentRecord[] = []
  for (const [index, name] of HOSTS.entries()) {
    const key = testKey(100 + index)
    const member = await coordinator.member(name, {}, key)
    members.push(member)
    await sockets.connect(member, {
      command: {
        perform: async (request) => {
          received.push({ host: name, request })
          answer(request)
          return { outcome: await outcomeBy(key, member, request.intent) }
        },
        probe: async ({ intent }) => ({
          outcome: await outcomeBy(key, member, intent, {
            result: 'refused',
            detail: { error: 'it was not delivered' },
          }),
        }),
      },
    })
  }
  return {
    coordinator,
    received,
    again(open = sockets.open) {
      const { database, ledger, access, agents, clock, log } = coordinator
      const dispatch = createDispatch({ ledger, access, agents, clock, log, open })
      return coordinator.start({
        handlers: runVerbs({ agents, dispatch, runs: createRuns({ database }), clock }),
      })
    },
    intent: (openings = OPENINGS) =>
      coordinator.intent('run.start', {
        targets: members.map((member) => member.id),
        arguments: {
          runs: Object.fromEntries(members.map((member) => [member.id, newOperation()])),
          command: ['true'],
          env: Object.fromEntries(openings.map((one) => [one.name, commitmentOf(one)])),
          limits: { outputBytes: 65_536 },
        },
      }),
  }
}

/**
 * Returns everything that a coordinator stores: rows, entries, the folder of the log, and its log
 * lines with the causes of errors.
 */
async function kept({ coordinator }: Hosts, parts: CoordinatorParts): Promise<string> {
  const files = (
    await readdir(coordinator.folder, { recursive: true, withFileTypes: true })
  ).filter((entry) => entry.isFile())
  const texts = await Promise.all(
    files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
  )
  const told = inspect([coordinator.log.lines, parts.log.lines], {
    depth: 20,
    maxStringLength: null,
  })
  return [
    ...texts,
    JSON.stringify([await coordinator.rows(), await coordinator.entries()]),
    told,
  ].join('\n')
}

test('AL-13: each host gets the values, and none of them is stored', async (t) => {
  const all = await hosts(t)
  const parts = await all.again()
  const { results } = await all.coordinator.perform(await all.intent(), {
    at: parts,
    context: { values: OPENINGS },
  })
  assert.deepEqual(
    results.map((row) => row.result),
    ['done', 'done'],
  )
  assert.deepEqual(all.received.map((one) => one.host).sort(), HOSTS)
  for (const { request } of all.received)
    assert.deepEqual(
      request.values?.map(({ name, value, salt }) => [
        name,
        value,
        Buffer.from(salt).toString('hex'),
      ]),
      OPENINGS.map(({ name, value, salt }) => [name, value, Buffer.from(salt).toString('hex')]),
    )
  const text = await kept(all, parts)
  assert.match(text, /"TOKEN/)
  for (const secret of [
    CANARY,
    ...OPENINGS.flatMap(({ salt }) => [
      Buffer.from(salt).toString('hex'),
      Buffer.from(salt).toString('base64'),
    ]),
  ])
    assert.ok(!text.includes(secret), secret)
})

test('AL-13: rejects values that differ from the commitment', async (t) => {
  const all = await hosts(t)
  const parts = await all.again()
  const [token, lang] = OPENINGS as [Opening, Opening]
  const before = (await all.coordinator.entries()).length
  for (const values of [
    [],
    [token],
    [token, { ...lang, value: 'D' }],
    [...OPENINGS, { ...lang, name: 'MORE' }],
  ])
    await assert.rejects(
      all.coordinator.perform(await all.intent(), { at: parts, context: { values } }),
      (error) => {
        assert.ok(error instanceof MusterError && error.code === 'trust.opening')
        assert.doesNotMatch(JSON.stringify([error.message, error.data]), /canary/)
        return true
      },
    )
  const other = await all.coordinator.intent('enroll.token', {
    arguments: { hash: 'ab'.repeat(32), labels: {}, ttlMs: 60_000, approve: true },
  })
  await assert.rejects(
    all.coordinator.perform(other, { at: parts, context: { values: OPENINGS } }),
    { code: 'trust.opening' },
  )
  assert.equal((await all.coordinator.entries()).length, before)
  assert.deepEqual(all.received, [])
})

test('AL-13: an undelivered intent is not delivered without its values', async (t) => {
  const all = await hosts(t)
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const dying = await all.again(async () => {
    reach()
    // The coordinator ends here, with the intent in the log and the values in its memory.
    return new Promise<never>(() => undefined)
  })
  const intent = await all.intent()
  void all.coordinator.perform(intent, { at: dying, context: { values: OPENINGS } })
  await reached
  const next = await all.again()
  assert.equal(await next.operations.recover(new AbortController().signal, () => true), 1)
  assert.deepEqual(all.received, [])
  // The operator sends the intent again with its values, and gets the outcome.
  const answer = await all.coordinator.perform(intent, { at: next, context: { values: OPENINGS } })
  for (const row of answer.results) assert.equal(row.result, 'refused')
  assert.deepEqual(all.received, [])
  assert.ok(!(await kept(all, next)).includes(CANARY))
})

test('AL-13: the error of a host that fails puts no values into a log line', async (t) => {
  const all = await hosts(t, (request) => {
    // The host has a bug: its error contains the value.
    throw new Error(`cannot start with ${request.values?.map((one) => one.value).join()}`)
  })
  const parts = await all.again()
  const { results } = await all.coordinator.perform(await all.intent(), {
    at: parts,
    context: { values: OPENINGS },
  })
  assert.ok(results.every((row) => row.result === 'refused'))
  const text = await kept(all, parts)
  assert.match(text, /a host did not respond to an intent/)
  assert.ok(!text.includes(CANARY))
})
