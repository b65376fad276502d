/**
 * Facts of hosts, from the message to the database rows, on both databases. They arrive in order,
 * with gaps, at several coordinators, and from hosts that send false facts.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sql } from 'kysely'
import { rfc3339 } from '../../shared/clock.ts'
import { diff } from '../../shared/facts/events.ts'
import { openDatabase } from '../database/database.ts'
import {
  type FactPackage,
  factPackage,
  factSet,
  MAX_SET_BYTES,
  rootOf,
} from '../../shared/facts/package-set.ts'
import { factsBody } from '../../shared/facts/update.ts'
import { TEST_FLEET, TEST_TIME } from '../../shared/testing/statements.ts'
import { toWire } from '../../shared/trust/transport.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { DIALECTS } from '../database/testing.ts'
import { factsServiceHandlers } from '../handlers/facts.ts'
import { forever, type Host, type Pull, scene, setOf } from '../testing/fact-hosts.ts'
import { createFactStore } from './fact-store.ts'
import { createIngest } from './ingest.ts'

for (const dialect of DIALECTS) {
  it(`facts: installs, updates and removals change state and history (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, history, position } = await scene(stack, dialect)
    const [a, b] = [await host('a'), await host('b')]
    await news(a, a.install('bash=5.1-1', 'zsh=5-1'))
    await news(b, b.install('bash=4.0-1'))
    await news(a, a.install('bash=5.2-1', 'zsh=5-1'))
    await news(a, a.install('bash=5.2-1', 'vim=9-1'))
    assert.deepEqual(await installed(a), ['bash=5.2-1', 'vim=9-1'])
    assert.deepEqual(await history(a), [
      'update bash 5.1-1 5.2-1',
      'install vim null 9-1',
      'uninstall zsh 5-1 null',
    ])
    assert.deepEqual(await history(a, 'vim'), ['install vim null 9-1'])
    assert.deepEqual([await installed(b), await history(b)], [['bash=4.0-1'], []])
    // The coordinator asked the host once for its whole set. Later events are applied when they
    // arrive.
    assert.deepEqual([a.asked, await position(a)], [['0.0'], '1.3'])
  })

  it(`facts: missing updates are pulled, replayed ones change nothing (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, history, position } = await scene(stack, dialect)
    const a = await host('a')
    const first = a.install('bash=1-1')
    await news(a, first)
    const missed = a.install('bash=2-1')
    await news(a, a.install('bash=3-1'))
    assert.deepEqual(
      [a.asked, await position(a), await installed(a)],
      [['0.0', '1.1'], '1.3', ['bash=3-1']],
    )
    const before = await history(a)
    assert.deepEqual(before, ['update bash 1-1 2-1', 'update bash 2-1 3-1'])
    for (const old of [missed, first, a.full()]) await news(a, old)
    assert.deepEqual([a.asked.length, await position(a), await history(a)], [2, '1.3', before])
  })

  it(`facts: after a wrong root the whole set is fetched (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, history, position, coordinator } = await scene(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1', 'vim=1-1'))
    // The rows differ from the host's facts, because of a manual change or a bug.
    await coordinator.database.query.deleteFrom('fact_package').where('name', '=', 'vim').execute()
    await news(a, a.install('bash=2-1', 'vim=1-1'))
    assert.deepEqual(a.asked, ['0.0', '1.1', '0.0'])
    assert.deepEqual([await position(a), await installed(a)], ['1.2', ['bash=2-1', 'vim=1-1']])
    // The history has the changes relative to the coordinator's rows.
    assert.deepEqual(await history(a), ['update bash 1-1 2-1', 'install vim null 1-1'])
  })

  it(`facts: the longest name is stored, a longer one is rejected (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, ingest, installed } = await scene(stack, dialect)
    const a = await host('a')
    // PostgreSQL can't compress this text to a size that its index accepts.
    let seed = 1
    const text = (length: number): string =>
      Array.from({ length }, () => {
        seed = (seed * 48_271) % 2_147_483_647
        return String.fromCodePoint(0x4e00 + (seed % 20_000))
      }).join('')
    const whole = async (pkg: FactPackage): Promise<void> => {
      const set = { ...setOf(), packages: [pkg] }
      a.install('bash=1-1')
      const update = { ...a.full(), root: rootOf(set), kind: 'full', set } as const
      const verified = ingest.verify(await a.sign(update))
      await ingest.accept(a.record, verified, factsBody(update).payload)
    }
    const longest = factPackage('rpm', text(500), 'x86_64', `${text(176)}-${'1'.repeat(14)}`)
    await whole(longest)
    assert.equal((await installed(a)).length, 1)
    await assert.rejects(whole({ ...longest, version: text(400) }), {
      code: 'facts.malformed',
      message: /its name and version have 2720 bytes/,
    })
    assert.equal((await installed(a)).length, 1)
  })

  it(`facts: a lost journal begins a new epoch and keeps the history (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, history, position } = await scene(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    await news(a, a.install('bash=2-1'))
    a.forget()
    await news(a, a.install('bash=3-1'))
    await news(a, a.install('bash=4-1'))
    assert.deepEqual([await position(a), await installed(a)], ['2.2', ['bash=4-1']])
    assert.deepEqual(await history(a), [
      'update bash 1-1 2-1',
      'update bash 2-1 3-1',
      'update bash 3-1 4-1',
    ])
  })

  it(`facts: only the rows of changed packages are written (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, ingest, coordinator } = await scene(stack, dialect)
    const [a, b] = [await host('a'), await host('b')]
    const many = Array.from({ length: 700 }, (_, i) => `p${String(i).padStart(3, '0')}=1-1`)
    await news(a, a.install('bash=1-1', 'zsh=1-1', ...many))
    // Adds later rows of another host. Rows that are written again then get another position.
    await news(b, b.install('bash=1-1'))
    const place = dialect === 'sqlite' ? sql<string>`rowid` : sql<string>`ctid::text`
    const rows = async (): Promise<Map<string, string>> => {
      const found = await coordinator.database.query
        .selectFrom('fact_package')
        .select(['name', 'version', place.as('place')])
        .where('agent', '=', a.record.id)
        .execute()
      return new Map(found.map((row) => [`${row.name}=${row.version}`, String(row.place)]))
    }
    const before = await rows()
    await news(a, a.install('bash=2-1', 'vim=1-1', ...many))
    const after = await rows()
    const same = [...after].filter(([name, at]) => before.get(name) === at)
    assert.equal(same.length, 700)
    assert.deepEqual([after.size, (await installed(a)).length], [702, 702])
    // A whole set is also saved by its difference. Here most packages were removed.
    const last = a.install('bash=2-1', 'p007=2-1')
    const full = { ...a.full(), sequence: last.sequence + 1 }
    const { payload } = factsBody(full)
    await ingest.accept(a.record, ingest.verify(await a.sign(full)), payload)
    assert.deepEqual(await installed(a), ['bash=2-1', 'p007=2-1'])
    assert.equal((await rows()).get('bash=2'), after.get('bash=2'))
    assert.deepEqual(await installed(b), ['bash=1-1'])
  })

  it(`facts: a statement is verified only once (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, ingest, installed } = await scene(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    const signed = await a.sign(a.install('bash=2-1'))
    let verified = 0
    const counted = {
      ...signed,
      get signature() {
        verified += 1
        return signed.signature
      },
    }
    await ingest.acceptGossip(ingest.verify(counted), forever)
    assert.deepEqual([verified, await installed(a)], [1, ['bash=2-1']])
  })

  it(`facts: packages of an unknown package manager are stored (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, ingest, store, history } = await scene(stack, dialect)
    const a = await host('a')
    const setWith = (version: string) =>
      factSet(setOf().os, [factPackage('pacman', 'bash', 'x86_64', version)])
    const [one, two] = [setWith('5.2.026-2'), setWith('1:5.3_rc1-1')]
    const at = rfc3339(TEST_TIME)
    const base = { epoch: 1, at }
    const full = { ...base, kind: 'full', sequence: 1, root: rootOf(one), set: one } as const
    await ingest.accept(a.record, ingest.verify(await a.sign(full)), factsBody(full).payload)
    const events = diff(one.packages, two.packages, at)
    const next = { ...base, kind: 'events', sequence: 2, root: rootOf(two), events } as const
    await ingest.accept(a.record, ingest.verify(await a.sign(next)))
    assert.deepEqual((await store.state(a.record.id))?.set, two)
    assert.deepEqual(await history(a), ['update bash 5.2.026-2 1:5.3_rc1-1'])
  })

  it(`FG-01: a host can't report facts of another host (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, ingest, installed, hosts, log, coordinator, store } = await scene(
      stack,
      dialect,
    )
    const [a, b, gone] = [await host('a'), await host('b'), await host('gone')]
    for (const one of [a, b, gone]) await news(one, one.install('bash=1-1'))
    const lie = a.install('bash=1-1', 'rootkit=1-1')
    const about = await a.sign(lie, { agent: b.record.id })
    const checked = ingest.verify(about)
    await assert.rejects(ingest.acceptGossip(checked, forever), { code: 'inventory.not-theirs' })
    await assert.rejects(ingest.accept(a.record, checked), { code: 'inventory.not-theirs' })
    await assert.rejects(ingest.accept(b.record, ingest.verify(await a.sign(lie))), {
      code: 'inventory.not-theirs',
    })
    await hosts.connect(a.record, { facts: { pull: async () => ({ updates: [toWire(about)] }) } })
    await ingest.pull(a.record, forever)
    assert.ok(
      log.lines.some(
        ({ data }) => (data['error'] as { code?: string }).code === 'inventory.not-theirs',
      ),
    )
    const { push } = factsServiceHandlers({ ingest, store, agents: coordinator.agents })
    const nothing = async function* (): AsyncGenerator<Uint8Array> {}
    const as = (one: Host) =>
      ({
        caller: { kind: 'member', name: 'x', peerId: one.record.peerId },
        upload: nothing(),
      }) as never
    await assert.rejects(push({ update: toWire(about) }, as(a)), { code: 'inventory.not-theirs' })
    await assert.rejects(push({ update: toWire(await a.sign(lie)) }, as(b)), {
      code: 'inventory.not-theirs',
    })
    // A host that is no longer a member can't report its own facts either.
    await coordinator.database.transaction((tx) =>
      coordinator.agents.revoke(tx, gone.record.id, TEST_TIME),
    )
    const late = gone.install('bash=2-1')
    await ingest.acceptGossip(ingest.verify(await gone.sign(late)), forever)
    await assert.rejects(push({ update: toWire(await gone.sign(late)) }, as(gone)), {
      code: 'inventory.not-theirs',
    })
    for (const one of [a, b, gone]) assert.deepEqual(await installed(one), ['bash=1-1'])
  })

  it(`facts: an update that arrives during a pull is not lost (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, hosts, ingest } = await scene(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    a.install('bash=2-1')
    const [answered, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    // A package is installed after the host has read its journal for the response.
    const slow: typeof a.pull = async (request, context) => {
      const answer = await a.pull(request, context)
      answered.resolve()
      await go.promise
      return answer
    }
    await hosts.connect(a.record, { facts: { pull: slow } })
    const pulling = ingest.pull(a.record, forever)
    await answered.promise
    const newest = news(a, a.install('bash=3-1'))
    go.resolve()
    await Promise.all([pulling, newest])
    assert.deepEqual(await installed(a), ['bash=3-1'])
  })

  it(`facts: a failed pull closes its stream; responses are limited (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, hosts, ingest, log, installed } = await scene(stack, dialect)
    const a = await host('a')
    a.install('bash=1-1')
    const pulls: NonNullable<Pull>[] = [
      async () => {
        throw wireError('protocol.busy', { what: 'facts pull' })
      },
      async (_request, { send }) => {
        for (let sent = 0; sent <= MAX_SET_BYTES; sent += 256 * 1024)
          await send(new Uint8Array(256 * 1024))
        return { updates: [] }
      },
      // The host claims that it sends all updates, and begins in the middle.
      async () => ({ updates: [toWire(await a.sign({ ...a.install('bash=2-1'), sequence: 7 }))] }),
    ]
    for (const pull of pulls) {
      await hosts.connect(a.record, { facts: { pull } })
      await ingest.pull(a.record, forever)
      assert.equal(hosts.streams(a.record), 0)
    }
    assert.deepEqual(
      log.lines.map(({ data }) => (data['error'] as { code?: string }).code),
      ['protocol.busy', 'inventory.refused', 'inventory.refused'],
    )
    assert.deepEqual(await installed(a), [])
  })

  it(`facts: two coordinators write one history of a host (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, host, news, installed, history, position, ingest, hosts } = await scene(
      stack,
      dialect,
    )
    const { agents, clock, log } = coordinator
    // If the database supports several coordinators, the second coordinator has its own
    // connections.
    const database =
      dialect === 'sqlite'
        ? coordinator.database
        : await openDatabase({ clock }, { url: coordinator.url })
    if (dialect !== 'sqlite') stack.defer(() => database.close())
    const other = createIngest(
      { database, store: createFactStore({ database }), agents, clock, log, open: hosts.open },
      { fleet: TEST_FLEET },
    )
    const a = await host('a')
    await news(a, a.install('bash=0-1'))
    for (let round = 1; round <= 20; round += 1) {
      const [next, after] = [a.install(`bash=${round}-1`), a.install(`bash=${round}-2`)]
      const [first, second] = [
        ingest.verify(await a.sign(next)),
        ingest.verify(await a.sign(after)),
      ]
      await Promise.all([ingest.accept(a.record, first), other.accept(a.record, first)])
      await Promise.all([
        other.accept(a.record, second),
        ingest.accept(a.record, second),
        other.accept(a.record, first),
      ])
    }
    assert.deepEqual([await position(a), await installed(a)], ['1.41', ['bash=20-2']])
    assert.equal((await history(a)).length, 40)
    await other.close()
  })
}

it('facts: after a restart the whole fleet is pulled, a few hosts at a time', async () => {
  await using stack = new AsyncDisposableStack()
  const { host, hosts, ingest, installed } = await scene(stack, 'sqlite')
  const fleet: Host[] = []
  const [eight, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let [now, most] = [0, 0]
  for (let number = 0; number < 20; number += 1) {
    const one = await host(`host-${number}`)
    one.install('bash=1-1')
    fleet.push(one)
    const counted: typeof one.pull = async (request, context) => {
      now += 1
      most = Math.max(most, now)
      if (now === 8) eight.resolve()
      await go.promise
      const answer = await one.pull(request, context)
      now -= 1
      return answer
    }
    await hosts.connect(one.record, { facts: { pull: counted } })
  }
  const pulling = fleet.map((one) => ingest.pull(one.record, forever))
  await eight.promise
  assert.equal(fleet.filter((one) => hosts.streams(one.record) > 0).length, 8)
  go.resolve()
  await Promise.all(pulling)
  assert.equal(most, 8)
  for (const one of fleet) assert.deepEqual(await installed(one), ['bash=1-1'])
})
