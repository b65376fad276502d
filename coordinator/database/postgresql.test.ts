import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sql } from 'kysely'
import { databaseError } from './errors.ts'
import { testDatabase } from './testing.ts'

const is = (code: Parameters<typeof databaseError.is>[1]) => (error: unknown) =>
  databaseError.is(error, code)
const repository = { id: 'r', type: 'rpm', config_hash: '', created_at: 1 }

describe('PostgreSQL database', () => {
  it('DB-02: a transaction fails if the server ends its session; the next one works', async () => {
    await using test = await testDatabase('postgresql')
    const { database } = test
    const broken = database.transaction(async (tx) => {
      await tx.insertInto('repository').values(repository).execute()
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
      await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(tx)
      await tx.selectFrom('repository').selectAll().execute()
    })
    await assert.rejects(broken, is('database.unreachable'))
    assert.deepEqual(await database.query.selectFrom('repository').selectAll().execute(), [])
    await database.transaction((tx) => tx.insertInto('repository').values(repository).execute())
  })

  it('DB-05: a connection that is lost during commit gives an unknown outcome', async () => {
    await using test = await testDatabase('postgresql')
    const { database } = test
    // The server ends this session while it checks a deferred constraint, during commit.
    await sql`create function cut() returns trigger language plpgsql as $$
      begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$`.execute(
      database.query,
    )
    await sql`create constraint trigger cut after insert on repository
      deferrable initially deferred for each row execute function cut()`.execute(database.query)
    await assert.rejects(
      database.transaction((tx) => tx.insertInto('repository').values(repository).execute()),
      is('database.outcome-unknown'),
    )
  })

  it('repeats a transaction that was rolled back to end a deadlock', async () => {
    await using test = await testDatabase('postgresql')
    const { database } = test
    await database.query
      .insertInto('repository')
      .values([repository, { ...repository, id: 's' }])
      .execute()
    let tries = 0
    const both = { r: Promise.withResolvers<void>(), s: Promise.withResolvers<void>() }
    const swap = (mine: 'r' | 's', other: 'r' | 's'): Promise<void> =>
      database.transaction(async (tx) => {
        tries += 1
        const add = (id: string): Promise<unknown> =>
          tx
            .updateTable('repository')
            .set((row) => ({ created_at: row('created_at', '+', 1) }))
            .where('id', '=', id)
            .execute()
        await add(mine)
        both[mine].resolve()
        await both[other].promise
        await add(other)
      })
    await Promise.all([swap('r', 's'), swap('s', 'r')])
    assert.equal(tries, 3)
    assert.deepEqual(
      (await database.query.selectFrom('repository').select('created_at').execute()).map(
        (row) => row.created_at,
      ),
      [3, 3],
    )
  })

  it('repeats a statement outside a transaction after a deadlock', async () => {
    await using test = await testDatabase('postgresql')
    const { database } = test
    const rows = Array.from({ length: 400 }, (_, at) => ({ ...repository, id: `r${at}` }))
    // Upserts in opposite orders sometimes deadlock. The test can't see that. It checks only that
    // none fails.
    const upsert = (order: typeof rows, created_at: number): Promise<unknown> =>
      database.query
        .insertInto('repository')
        .values(order)
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ created_at }))
        .execute()
    for (let round = 0; round < 20; round += 1)
      await Promise.all([upsert(rows, round), upsert(rows.toReversed(), round)])
  })

  it('keeps no settings of a transaction in the session', async () => {
    await using test = await testDatabase('postgresql')
    const { database } = test
    const setting = (query: typeof database.query): Promise<string | undefined> =>
      sql<{ lock_timeout: string }>`show lock_timeout`
        .execute(query)
        .then(({ rows }) => rows[0]?.lock_timeout)
    assert.equal(await database.transaction(setting), '15s')
    assert.equal(await setting(database.query), '0')
  })

  it('rejects numbers that a double cannot represent', async () => {
    await using test = await testDatabase('postgresql')
    await assert.rejects(
      sql`select 9007199254740993::bigint as n`.execute(test.database.query),
      is('database.query'),
    )
  })
})
