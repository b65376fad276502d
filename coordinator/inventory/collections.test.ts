/** The coordinator stores failed collections and shows them with the facts. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { rfc3339 } from '../../shared/clock.ts'
import {
  describeManager,
  describeProblem,
  type FactCollection,
} from '../../shared/facts/collection.ts'
import { TEST_FLEET, TEST_TIME } from '../../shared/testing/statements.ts'
import { signStatement } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import { factsHandlers } from '../handlers/control/facts.ts'
import { fleetHandlers } from '../handlers/control/fleet.ts'
import { DIALECTS } from '../database/testing.ts'
import { factsServiceHandlers } from '../handlers/facts.ts'
import { forever, type Host, scene } from '../testing/fact-hosts.ts'

const context = {} as never
const at = rfc3339(TEST_TIME)
const collectionOf = (...problems: [manager: string, kind: string, reason: string][]) =>
  ({
    at,
    managers: [],
    problems: problems.map(([manager, kind, reason]) => ({ manager, kind, reason, since: at })),
  }) satisfies FactCollection
const broken = collectionOf(['rpm', 'unreadable', '/var/lib/rpm: cut'])

async function fleet(stack: AsyncDisposableStack, dialect: (typeof DIALECTS)[number]) {
  const made = await scene(stack, dialect)
  const { coordinator, store, ingest } = made
  const { agents, database, ledger } = coordinator
  const show = factsHandlers({ agents, store, connected: () => true })
  const list = fleetHandlers(
    {
      agents,
      database,
      ledger,
      store,
      connected: () => true,
      copies: () => undefined,
      clockOffset: () => undefined,
      addresses: () => [],
      http: () => undefined,
    },
    { fleet: '' as never, name: '', peerId: '', rootDigest: '' as never, startedAt: 0 },
  )
  const service = factsServiceHandlers({ ingest, store, agents })
  const as = (host: Host) =>
    ({ caller: { kind: 'member', name: host.record.name, peerId: host.record.peerId } }) as never
  const find = async () => {
    const { found, unsure } = await show['package.find']({ name: 'bash' }, context)
    return [
      found.map(({ host, stale, problem }) => [host, stale, problem]),
      (unsure ?? []).map(({ host, reason }) => [host, reason]),
    ]
  }
  const rowOf = async (host: Host) =>
    (await list['agent.list']({}, context)).agents.find(({ id }) => id === host.record.id)
  return { ...made, show, service, as, find, rowOf }
}

for (const dialect of DIALECTS) {
  it(`collections: a read failure is shown beside the last facts (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, show, service, as, find, rowOf, installed } = await fleet(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1', 'zsh=1-1'))
    assert.deepEqual(await find(), [[['a', false, undefined]], []])
    await service.report({ collection: broken }, as(a))
    const said = `rpm can't be read since ${at}: /var/lib/rpm: cut`
    assert.deepEqual(await find(), [[['a', true, said]], [['a', said]]])
    const shown = await show['facts.show'].run({ host: 'a' }, context)
    assert.deepEqual([shown.packages.length, shown.problems], [2, broken.problems])
    assert.deepEqual((await rowOf(a))?.facts, { at, problems: broken.problems })
    // The failure of another package manager doesn't change these results. The host may have more
    // packages.
    const other = collectionOf(['dpkg', 'unreadable', 'cut'])
    await service.report({ collection: other }, as(a))
    assert.deepEqual((await find())[0], [['a', false, undefined]])
    await service.report({ collection: collectionOf() }, as(a))
    assert.deepEqual(await find(), [[['a', false, undefined]], []])
    assert.deepEqual(await installed(a), ['bash=1-1', 'zsh=1-1'])
  })

  it(`collections: a search names hosts whose packages are unknown (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, show, service, find, hosts, ingest } = await fleet(stack, dialect)
    const a = await host('a')
    assert.deepEqual(await find(), [[], [['a', 'it has not reported yet']]])
    const reason = 'its package manager is not supported (portage)'
    const collection = collectionOf(['', 'unsupported', reason])
    await hosts.connect(a.record, { facts: { pull: async () => ({ updates: [], collection }) } })
    await ingest.pull(a.record, forever)
    const said = `the packages of this host are unknown: ${reason}`
    assert.deepEqual(await find(), [[], [['a', said]]])
    await assert.rejects(show['facts.show'].run({ host: 'a' }, context), {
      code: 'inventory.unknown',
      message: `the packages of a are unknown: ${said}`,
    })
    // The coordinator accepts a report only from a member of this fleet, and only about itself.
    await assert.rejects(
      service.report({ collection }, {
        caller: { kind: 'member', name: 'x', peerId: 'x' },
      } as never),
      { code: 'inventory.not-theirs' },
    )
  })

  it(`collections: results of each package manager are stored and shown (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, show, service, as, find, rowOf } = await fleet(stack, dialect)
    const a = await host('a')
    await news(a, a.install('zsh=1-1'))
    const managers = [
      { name: 'dpkg', state: 'absent', packages: 0 },
      { name: 'rpm', state: 'read', packages: 1 },
      { name: 'winget', state: 'dormant', packages: 7 },
    ]
    const odd = "bash has a record that can't be read: cut; c has 2 records"
    const collection = {
      ...collectionOf(['rpm', 'odd', odd], ['winget', 'asleep', 'later']),
      managers,
    }
    await service.report({ collection }, as(a))
    assert.deepEqual((await rowOf(a))?.facts?.managers, managers)
    const shown = await show['facts.show'].run({ host: 'a' }, context)
    assert.deepEqual(shown.managers?.map(describeManager), [
      'dpkg: not here',
      'rpm: 1 package',
      'winget: dormant, 7 packages',
    ])
    assert.equal(shown.problems?.map(describeProblem)[1], `winget, asleep since ${at}: later`)
    // The host may have the package, because its record can't be read.
    const [, unsure] = await find()
    assert.deepEqual(
      unsure?.map(([name]) => name),
      ['a'],
    )
  })

  it(`collections: accepts a signed collection only from its own host (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, service, as, rowOf } = await fleet(stack, dialect)
    const [a, b] = [await host('a'), await host('b')]
    const body = { fleet: TEST_FLEET, agent: a.record.id, epoch: 1, sequence: 1 }
    const sign = async (key: typeof a.key, changes: object = {}) =>
      toWire(await signStatement(key, 'collection', { ...body, ...broken, ...changes }))
    const problems = async () => (await rowOf(a))?.facts?.problems
    const collectionStatement = await sign(a.key)
    await service.report({ collection: collectionOf(), collectionStatement }, as(a))
    assert.deepEqual(await problems(), broken.problems)
    const refused = async (statement: typeof collectionStatement, code: string) => {
      const request = { collection: collectionOf(), collectionStatement: statement }
      await assert.rejects(service.report(request, as(a)), { code })
    }
    await refused(await sign(b.key), 'inventory.not-theirs')
    await refused(await sign(a.key, { agent: b.record.id }), 'inventory.not-theirs')
    await refused({ ...collectionStatement, signature: new Uint8Array(64) }, 'trust.signature')
    await refused(await sign(a.key, { problems: [{ manager: 7 }] }), 'inventory.refused')
    assert.deepEqual(await problems(), broken.problems)
    // An agent of the previous version signs no collections.
    await service.report({ collection: collectionOf() }, as(a))
    assert.deepEqual(await problems(), [])
  })

  it(`collections: refused facts are shown until some are accepted (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, hosts, ingest, find, rowOf } = await fleet(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    const jump = { ...a.install('bash=2-1'), sequence: 5_000_000 }
    await hosts.connect(a.record, {
      facts: { pull: async () => ({ updates: [toWire(await a.sign(jump))] }) },
    })
    await ingest.pull(a.record, forever)
    const [problem] = (await rowOf(a))?.facts?.problems ?? []
    assert.deepEqual([problem?.kind, problem?.since], ['failed', at])
    assert.match(problem?.reason ?? '', /the facts of a are not acceptable: jump/)
    assert.equal((await find())[0]?.[0]?.[1], true)
    await hosts.connect(a.record, { facts: { pull: a.pull } })
    await ingest.pull(a.record, forever)
    assert.deepEqual(await find(), [[['a', false, undefined]], []])
  })
}
