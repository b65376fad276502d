/** The inventory stays correct if the clock of a host or of the coordinator is wrong. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { rfc3339 } from '../../shared/clock.ts'
import type { FactUpdate } from '../../shared/facts/update.ts'
import { TEST_FLEET, TEST_TIME } from '../../shared/testing/statements.ts'
import { DIALECTS } from '../database/testing.ts'
import { forever, scene } from '../testing/fact-hosts.ts'
import { createFactStore } from './fact-store.ts'
import { createIngest } from './ingest.ts'

const HOUR_MS = 3_600_000

for (const dialect of DIALECTS) {
  it(`FG-19: facts continue after a host's clock was an hour ahead (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, position } = await scene(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    a.aheadMs = HOUR_MS
    await news(a, a.install('bash=2-1'))
    a.aheadMs = 0
    await news(a, a.install('bash=3-1'))
    await news(a, a.install('bash=4-1'))
    assert.deepEqual([await position(a), await installed(a)], ['1.4', ['bash=4-1']])
  })

  it(`facts: a pulled update from a wrong clock is applied (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, ingest, coordinator, store, hosts, log } = await scene(
      stack,
      dialect,
    )
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    // The coordinator is offline and misses this update. Then it restarts, and the host's clock is
    // right again.
    a.aheadMs = HOUR_MS
    a.install('bash=2-1')
    a.aheadMs = 0
    a.install('bash=3-1')
    const { database, agents, clock } = coordinator
    const restarted = createIngest(
      { database, store, agents, clock, log, open: hosts.open },
      { fleet: TEST_FLEET },
    )
    stack.defer(() => restarted.close())
    await restarted.pull(a.record, forever)
    assert.deepEqual([await installed(a), log.lines], [['bash=3-1'], []])
    await ingest.pull(a.record, forever)
    assert.deepEqual(await installed(a), ['bash=3-1'])
  })

  it(`facts: a coordinator with a slow clock stamps facts itself (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, coordinator } = await scene(stack, dialect)
    const { clock, database } = coordinator
    const store = createFactStore({ database })
    const a = await host('a')
    clock.at = TEST_TIME - HOUR_MS
    await news(a, a.install('bash=1-1'))
    await news(a, a.install('bash=2-1'))
    assert.deepEqual(await installed(a), ['bash=2-1'])
    const behind = rfc3339(TEST_TIME - HOUR_MS)
    assert.equal((await store.state(a.record.id))?.at, behind)
    assert.deepEqual(
      (await store.history(a.record.id)).events.map(({ at }) => at),
      [behind],
    )
    clock.at = TEST_TIME
    await news(a, a.install('bash=3-1'))
    assert.equal((await store.state(a.record.id))?.at, rfc3339(TEST_TIME + 3000))
  })

  it(`FG-09: no time is in the future; old facts replace nothing new (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, store } = await scene(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    a.aheadMs = 365 * 24 * HOUR_MS
    const poisoned = a.install('bash=2-1')
    await news(a, poisoned)
    a.aheadMs = 0
    await news(a, a.install('bash=3-1'))
    await news(a, poisoned)
    assert.deepEqual(await installed(a), ['bash=3-1'])
    const times = (await store.history(a.record.id)).events.map(({ at }) => at)
    assert.deepEqual(times, [rfc3339(TEST_TIME), rfc3339(TEST_TIME + 3000)])
  })

  it(`facts: an unreadable update leads to a pull of the whole set (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed } = await scene(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    const unreadable = a.install('bash=2-1') as FactUpdate & { kind: 'events' }
    const [event] = unreadable.events
    assert.ok(event !== undefined)
    // An agent of an older version sends a version string that is too long for an event.
    a.updates[1] = { ...unreadable, events: [{ ...event, to: 'x'.repeat(600) }] }
    await news(a, a.updates[1])
    assert.deepEqual([a.asked, await installed(a)], [['0.0', '1.1', '0.0'], ['bash=2-1']])
  })

  it(`facts: another set at a known position makes the coordinator pull (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { host, news, installed, position } = await scene(stack, dialect)
    const a = await host('a')
    await news(a, a.install('bash=1-1'))
    await news(a, a.install('bash=2-1'))
    // The host's disk is replaced with an older copy. The host continues from the first set, and
    // begins a new epoch at the next pull.
    a.forget()
    const { root, at } = a.install('bash=9-1')
    await news(a, { epoch: 1, sequence: 2, root, at, kind: 'events', events: [] })
    assert.deepEqual([await position(a), await installed(a)], ['2.1', ['bash=9-1']])
  })
}
