/**
 * Every wait for a PostgreSQL server ends: with a response, a time limit, or the caller's signal.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { sql } from 'kysely'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { type Database, openDatabase } from './database.ts'
import { databaseError } from './errors.ts'
import { migrate } from './migrate.ts'
import { testPlace } from './testing.ts'

const is = (code: Parameters<typeof databaseError.is>[1]) => (error: unknown) =>
  databaseError.is(error, code)
const repository = { id: 'r', type: 'rpm', config_hash: '', created_at: 1 }

/** Ends waits a hundred times sooner: a limit of 30 seconds takes 0.3 seconds. */
const hurried: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms / 100, run) }

interface Fixture extends AsyncDisposable {
  readonly database: Database
  /** The same database, without the relay. */
  readonly direct: Database
  /** Simulates a server that stops responding: the relay forwards no more bytes. */
  stopAnswering(): void
}

/** Opens a database behind a relay on loopback. */
async function behindRelay(clock: Clock = systemClock): Promise<Fixture> {
  const place = await testPlace('postgresql')
  const target = new URL(place.url)
  // The test server listens in a folder. The server of MUSTER_TEST_PG_URL may use a port.
  const folder = target.searchParams.get('host')
  const sockets = new Set<Socket>()
  let silent = false
  const relay = createServer((near) => {
    const far =
      folder === null
        ? connect(Number(target.port), target.hostname)
        : connect(join(folder, `.s.PGSQL.${target.port || '5432'}`))
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => void (silent || to.write(bytes)))
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const url = new URL(place.url)
  url.searchParams.delete('host')
  url.hostname = '127.0.0.1'
  url.port = String((relay.address() as AddressInfo).port)
  const direct = await openDatabase({ clock: systemClock }, { url: place.url, create: true })
  await migrate(direct)
  const database = await openDatabase({ clock }, { url: url.href })
  return {
    database,
    direct,
    stopAnswering: () => {
      silent = true
    },
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await direct.close()
      for (const socket of sockets) socket.destroy()
      relay.close()
      await place.remove()
    },
  }
}

describe('waits for PostgreSQL', () => {
  it('a server that stops responding becomes unreachable, and close() returns', async () => {
    await using fixture = await behindRelay(hurried)
    const { database } = fixture
    const select = (): Promise<unknown> =>
      database.query.selectFrom('repository').select('id').execute()
    await select()
    fixture.stopAnswering()
    await assert.rejects(select(), is('database.unreachable'))
    await assert.rejects(
      database.transaction((tx) => tx.selectFrom('repository').selectAll().execute()),
      is('database.unreachable'),
    )
  })

  it('a commit without a response has an unknown outcome', async () => {
    await using fixture = await behindRelay(hurried)
    const change = fixture.database.transaction(async (tx) => {
      await tx.insertInto('repository').values(repository).execute()
      fixture.stopAnswering()
    })
    await assert.rejects(change, is('database.outcome-unknown'))
  })

  it('an abort ends the wait for a response, for a row lock and for a connection', async () => {
    await using fixture = await behindRelay()
    const { database } = fixture
    const reason = new Error('the caller aborted')
    const locked = Promise.withResolvers<void>()
    const unlock = Promise.withResolvers<void>()
    await database.query.insertInto('repository').values(repository).execute()
    const update = (created_at: number, signal?: AbortSignal): Promise<unknown> =>
      database.transaction(async (tx) => {
        await tx.updateTable('repository').set({ created_at }).execute()
        locked.resolve()
        await unlock.promise
      }, signal && { signal })
    const holder = update(2)
    await locked.promise
    const leaver = new AbortController()
    const waiting = Array.from({ length: 12 }, () => update(3, leaver.signal))
    const ended = Promise.allSettled(waiting)
    leaver.abort(reason)
    for (const end of await ended)
      assert.ok(end.status === 'rejected' && end.reason === reason, String(end))
    unlock.resolve()
    await holder
    const rows = await database.query.selectFrom('repository').select('created_at').execute()
    assert.deepEqual(rows, [{ created_at: 2 }])
    fixture.stopAnswering()
    const silent = new AbortController()
    const read = database.transaction((tx) => tx.selectFrom('repository').selectAll().execute(), {
      signal: silent.signal,
    })
    silent.abort(reason)
    await assert.rejects(read, reason)
  })

  it('a full connection pool is busy, not unreachable, and a query waits for a slot', async () => {
    // The limits become short only after all connections are taken.
    let clock: Clock = systemClock
    await using fixture = await behindRelay({
      ...systemClock,
      after: (ms, run) => clock.after(ms, run),
    })
    const { database } = fixture
    const release = Promise.withResolvers<void>()
    const taken: PromiseWithResolvers<void>[] = []
    const holders = Array.from({ length: 10 }, () => {
      const mine = Promise.withResolvers<void>()
      taken.push(mine)
      return database.transaction(async (tx) => {
        await sql`select 1`.execute(tx)
        mine.resolve()
        await release.promise
      })
    })
    await Promise.all(taken.map(({ promise }) => promise))
    const select = (): Promise<unknown> =>
      database.query.selectFrom('repository').select('id').execute()
    clock = hurried
    await assert.rejects(select(), is('database.busy'))
    clock = systemClock
    const later = select()
    release.resolve()
    await Promise.all([later, ...holders])
  })

  it('a transaction that the server ended before its commit has a known outcome', async () => {
    await using fixture = await behindRelay()
    const { database, direct } = fixture
    const session = async (pid: number): Promise<boolean> => {
      const found = sql`select 1 from pg_stat_activity where pid = ${pid}`
      return (await found.execute(direct.query)).rows.length > 0
    }
    const change = database.transaction(async (tx) => {
      await tx.insertInto('repository').values(repository).execute()
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
      await sql`set local idle_in_transaction_session_timeout = 1`.execute(tx)
      while (await session((rows[0] as { pid: number }).pid)) await systemClock.sleep(5)
    })
    await assert.rejects(change, is('database.unreachable'))
    assert.deepEqual(await database.query.selectFrom('repository').select('id').execute(), [])
  })
})
