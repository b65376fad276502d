/**
 * Responses about hosts' packages: approved hosts, version conditions, and hosts with too many
 * versions.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { rfc3339 } from '../../../shared/clock.ts'
import type { FactEvent } from '../../../shared/facts/events.ts'
import { factPackage, type FactSet, factSet, rootOf } from '../../../shared/facts/package-set.ts'
import { TEST_TIME } from '../../../shared/testing/statements.ts'
import { DIALECTS } from '../../database/testing.ts'
import { MAX_HISTORY } from '../../inventory/fact-history.ts'
import { createFactStore } from '../../inventory/fact-store.ts'
import { MAX_VERSIONS } from '../../inventory/installed-packages.ts'
import type { AgentRecord } from '../../registry/agents.ts'
import { testCoordinator } from '../../testing/coordinator.ts'
import { factsHandlers } from './facts.ts'

const context = {} as never
const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a' }
const openssl = (...versions: string[]): FactSet =>
  factSet(
    os,
    versions.map((version) => factPackage('rpm', 'openssl', 'x86_64', version)),
  )

for (const dialect of DIALECTS) {
  it(`package find: lists approved hosts, with time and connection (${dialect})`, async () => {
    await using coordinator = await testCoordinator(dialect)
    const { database, agents } = coordinator
    const store = createFactStore({ database })
    const away = new Set<string>()
    const ask = factsHandlers({ agents, store, connected: (peerId) => !away.has(peerId) })
    const reported = async (host: AgentRecord, set: FactSet): Promise<void> => {
      const state = { epoch: 1, sequence: 1, root: rootOf(set), at: rfc3339(TEST_TIME), set }
      await database.transaction((tx) =>
        store.save(tx, host.id, { before: undefined, after: state, events: [] }),
      )
    }
    const found = async (request: { version?: string; on?: string[] } = {}): Promise<string[]> =>
      (await ask['package.find']({ name: 'openssl', ...request }, context)).found.map(
        (row) => `${row.host} ${row.version}${row.stale ? ' stale' : ''}`,
      )
    const [web, db, gone, bare] = [
      await coordinator.member('web', { role: 'web' }),
      await coordinator.member('db', { role: 'db' }),
      await coordinator.member('gone', { role: 'web' }),
      await coordinator.member('bare', { role: 'web' }),
    ]
    await reported(web, openssl('3.0.7-24.el9'))
    await reported(db, openssl('1:1.1.1-1', '3.0.7-25.el9'))
    await reported(gone, openssl('3.0.1-1.el9'))
    await reported(bare, openssl())
    away.add(db.peerId)
    assert.deepEqual((await found()).sort(), [
      'db 1:1.1.1-1 stale',
      'db 3.0.7-25.el9 stale',
      'gone 3.0.1-1.el9',
      'web 3.0.7-24.el9',
    ])
    await database.transaction((tx) => agents.revoke(tx, gone.id, TEST_TIME))
    assert.deepEqual((await found()).sort(), [
      'db 1:1.1.1-1 stale',
      'db 3.0.7-25.el9 stale',
      'web 3.0.7-24.el9',
    ])
    assert.deepEqual(await found({ on: ['role=web'] }), ['web 3.0.7-24.el9'])
    assert.deepEqual(await found({ version: '< 3.0.7-25.el9' }), ['web 3.0.7-24.el9'])
    assert.deepEqual((await found({ version: '>=3.0.7-25.el9' })).sort(), [
      'db 1:1.1.1-1 stale',
      'db 3.0.7-25.el9 stale',
    ])
    assert.deepEqual(await found({ version: '3.0.7-24.el9' }), ['web 3.0.7-24.el9'])
    for (const version of ['<> 3', 'banana', '=> 3'])
      await assert.rejects(found({ version }), { code: 'inventory.bad-version' }, version)
    await assert.rejects(found({ on: ['gone'] }), { code: 'registry.unknown-host' })
    // `facts.show` still returns its last report.
    assert.equal((await ask['facts.show'].run({ host: 'gone' }, context)).packages.length, 1)
    assert.equal((await ask['facts.show'].run({ host: 'bare' }, context)).packages.length, 0)
    await coordinator.member('new')
    await assert.rejects(ask['facts.show'].run({ host: 'new' }, context), {
      code: 'inventory.none',
    })
  })

  it(`package find: a host with many versions displaces no other (${dialect})`, async () => {
    await using coordinator = await testCoordinator(dialect)
    const { database, agents } = coordinator
    const store = createFactStore({ database })
    const ask = factsHandlers({ agents, store, connected: () => true })
    const many = openssl(
      ...Array.from({ length: 5000 }, (_, index) => `${index}${'x'.repeat(400)}`),
    )
    for (const [name, set] of [
      ['a', openssl('3-1')] as const,
      ['b', many] as const,
      ['c', openssl('3-1', '4-1')] as const,
    ]) {
      const state = { epoch: 1, sequence: 1, root: rootOf(set), at: rfc3339(TEST_TIME), set }
      const { id } = await coordinator.member(name)
      await database.transaction((tx) =>
        store.save(tx, id, { before: undefined, after: state, events: [] }),
      )
    }
    const { found } = await ask['package.find']({ name: 'openssl' }, context)
    const counts = Map.groupBy(found, (row) => row.host)
    assert.deepEqual([...counts].map(([name, rows]) => [name, rows.length]).sort(), [
      ['a', 1],
      ['b', MAX_VERSIONS],
      ['c', 2],
    ])
  })

  it(`facts: a response that omits something reports it (${dialect})`, async () => {
    await using coordinator = await testCoordinator(dialect)
    const { database, agents } = coordinator
    const store = createFactStore({ database })
    const ask = factsHandlers({ agents, store, connected: () => true })
    const web = await coordinator.member('web', { role: 'web' })
    const set = openssl(...Array.from({ length: MAX_VERSIONS + 1 }, (_, n) => `${n}-1`))
    const state = { epoch: 1, sequence: 1, root: rootOf(set), at: rfc3339(TEST_TIME), set }
    const event: FactEvent = {
      event: 'install',
      at: rfc3339(TEST_TIME),
      manager: 'rpm',
      name: 'openssl',
      arch: 'x86_64',
      from: null,
      to: '1-1',
      source: null,
      durationSeconds: null,
    }
    const events = Array.from({ length: MAX_HISTORY + 3 }, () => event)
    await database.transaction((tx) =>
      store.save(tx, web.id, { before: undefined, after: state, events }),
    )
    const { found, crowded } = await ask['package.find']({ name: 'openssl' }, context)
    assert.deepEqual([found.length, crowded], [MAX_VERSIONS, ['web']])
    const history = await ask['facts.history'].run({ host: 'web' }, context)
    assert.deepEqual([history.events.length, history.omitted], [MAX_HISTORY, 3])
    const other = await ask['facts.history'].run({ host: 'web', package: 'bash' }, context)
    assert.deepEqual([other.events.length, other.omitted], [0, undefined])
  })
}
