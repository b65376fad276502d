/**
 * The contract of every database. `describeDatabase` registers its tests for one dialect.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import type { Dialect } from './schema/columns.ts'
import { type Database, openDatabase } from './database.ts'
import { databaseError } from './errors.ts'
import { migrate } from './migrate.ts'
import { systemClock } from '../../shared/clock.ts'
import { testDatabase, testPlace } from './testing.ts'

const repository = (
  id: string,
): { id: string; type: string; config_hash: string; created_at: number } => ({
  id,
  type: 'rpm',
  config_hash: '00',
  created_at: 1,
})

type Rule = (dialect: Dialect) => Promise<void>

export function describeDatabase(dialect: Dialect): void {
  describe(`database contract on ${dialect}`, () => {
    for (const [title, rule] of Object.entries(RULES))
      it(`${title} (${dialect})`, () => rule(dialect))
  })
}

const is = (code: Parameters<typeof databaseError.is>[1]) => (error: unknown) =>
  databaseError.is(error, code)

async function createsOnRequest(dialect: Dialect): Promise<void> {
  const place = await testPlace(dialect)
  await assert.rejects(
    openDatabase({ clock: systemClock }, { url: place.url }),
    is('database.absent'),
  )
  const made = await openDatabase({ clock: systemClock }, { url: place.url, create: true })
  await migrate(made)
  await made.close()
  const again = await openDatabase({ clock: systemClock }, { url: place.url })
  assert.deepEqual((await migrate(again)).applied, [])
  await again.close()
  await place.remove()
}

async function keepsAllOrNothing(dialect: Dialect): Promise<void> {
  await using test = await testDatabase(dialect)
  const { database } = test
  assert.equal(
    await database.transaction(async (tx) => {
      await tx.insertInto('repository').values(repository('kept')).execute()
      return 'result'
    }),
    'result',
  )
  const boom = new Error('boom')
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.insertInto('repository').values(repository('lost')).execute()
      throw boom
    }),
    (error) => error === boom,
  )
  assert.deepEqual(
    (await database.query.selectFrom('repository').select('id').execute()).map((row) => row.id),
    ['kept'],
  )
}

async function reportsBrokenRules(dialect: Dialect): Promise<void> {
  await using test = await testDatabase(dialect)
  const { database } = test
  await database.query.insertInto('repository').values(repository('one')).execute()
  const twice = database.transaction(async (tx) => {
    await tx.insertInto('repository').values(repository('two')).execute()
    await tx.insertInto('repository').values(repository('one')).execute()
  })
  await assert.rejects(twice, is('database.exists'))
  assert.equal((await database.query.selectFrom('repository').select('id').execute()).length, 1)
  const dangling = database.query
    .insertInto('snapshot')
    .values({ repository: 'absent', name: 'n', version: 9, created_at: 1, description: '' })
    .execute()
  await assert.rejects(dangling, is('database.missing-reference'))
  const head = {
    id: 1,
    size: -1,
    root: Buffer.alloc(32),
    frontier: Buffer.alloc(0),
    epoch: 1,
    last_at: 0,
  } as const
  await assert.rejects(
    database.query.insertInto('log_head').values(head).execute(),
    is('database.constraint'),
  )
  await assert.rejects(sql`select * from nowhere`.execute(database.query), is('database.query'))
}

async function returnsNumbersAndBytes(dialect: Dialect): Promise<void> {
  await using test = await testDatabase(dialect)
  const { database } = test
  const big = 2 ** 53 - 1
  const head = {
    id: 1,
    size: big,
    root: Uint8Array.of(0, 255, 10),
    frontier: new Uint8Array(),
    epoch: 1,
    last_at: 0,
  } as const
  await database.query.insertInto('log_head').values(head).execute()
  const row = await database.query
    .selectFrom('log_head')
    .select((row) => [
      'size',
      'root',
      'frontier',
      row.fn.countAll<number>().as('count'),
      row.fn.sum<number>('epoch').as('sum'),
    ])
    .groupBy(['size', 'root', 'frontier'])
    .executeTakeFirstOrThrow()
  assert.deepEqual(
    { ...row, root: [...row.root], frontier: row.frontier.length },
    { size: big, root: [0, 255, 10], frontier: 0, count: 1, sum: 1 },
  )
  const change = await database.query
    .updateTable('log_head')
    .set({ epoch: 2 })
    .where('epoch', '=', 1)
    .executeTakeFirst()
  assert.equal(change.numUpdatedRows, 1n)
  const { id } = await database.query
    .with('r', (db) => db.selectFrom('log_head').select('id'))
    .selectFrom('r')
    .select('id')
    .executeTakeFirstOrThrow()
  assert.equal(id, 1)
}

async function assignsIds(dialect: Dialect): Promise<void> {
  await using test = await testDatabase(dialect)
  const { database } = test
  await database.query.insertInto('repository').values(repository('r')).execute()
  const version = {
    repository: 'r',
    revision: null,
    created_at: 1,
    listing_checksum: null,
    index_checksum: null,
    upstream_etag: null,
    upstream_modified: null,
    packages: 0,
    bytes: 0,
    operation: null,
  }
  const first = await database.query
    .insertInto('repository_version')
    .values(version)
    .returning('id')
    .executeTakeFirstOrThrow()
  const second = await database.query
    .insertInto('repository_version')
    .values(version)
    .returning('id')
    .executeTakeFirstOrThrow()
  assert.equal(second.id, first.id + 1)
}

async function rejectsNestedQueries(dialect: Dialect): Promise<void> {
  await using test = await testDatabase(dialect)
  const { database } = test
  await assert.rejects(
    database.transaction(async () => database.query.selectFrom('repository').selectAll().execute()),
    is('database.nested'),
  )
  await assert.rejects(
    database.transaction(() => database.transaction(async () => 1)),
    is('database.nested'),
  )
  let later: (() => Promise<unknown>) | undefined
  await database.transaction(async (tx) => {
    const { AsyncResource } = await import('node:async_hooks')
    later = AsyncResource.bind(() => database.query.selectFrom('repository').selectAll().execute())
    await tx.selectFrom('repository').selectAll().execute()
  })
  assert.deepEqual(await later?.(), [])
}

async function locksRows(dialect: Dialect): Promise<void> {
  await using test = await testDatabase(dialect)
  const { database } = test
  await database.query
    .insertInto('repository')
    .values({ ...repository('counter'), created_at: 0 })
    .execute()
  const add = (): Promise<unknown> =>
    database.transaction((tx) =>
      tx
        .updateTable('repository')
        .set((row) => ({ created_at: row('created_at', '+', 1) }))
        .where('id', '=', 'counter')
        .execute(),
    )
  await Promise.all(Array.from({ length: 40 }, add))
  assert.equal(
    (await database.query.selectFrom('repository').select('created_at').executeTakeFirstOrThrow())
      .created_at,
    40,
  )
}

async function ordersText(dialect: Dialect): Promise<void> {
  await using test = await testDatabase(dialect)
  const ids = ['a-b', 'B', 'ab', 'a', 'é', 'Z', '10', '9', 'a_b', 'z']
  for (const id of ids)
    await test.database.query.insertInto('repository').values(repository(id)).execute()
  const rows = await test.database.query
    .selectFrom('repository')
    .select('id')
    .orderBy('id')
    .execute()
  assert.deepEqual(
    rows.map((row) => row.id),
    ids
      .map((id) => Buffer.from(id))
      .sort(Buffer.compare)
      .map(String),
  )
}

async function startsNothingAfterAbort(dialect: Dialect): Promise<void> {
  await using test = await testDatabase(dialect)
  let ran = false
  const work = async (): Promise<void> => {
    ran = true
  }
  await assert.rejects(
    test.database.transaction(work, { signal: AbortSignal.abort(new Error('gone')) }),
    /gone/,
  )
  assert.equal(ran, false)
}

const RULES: Readonly<Record<string, Rule>> = {
  'rejects an absent database, and creates it only on request': createsOnRequest,
  'keeps all changes of a transaction or none': keepsAllOrNothing,
  'reports a broken rule by its code and rolls back': reportsBrokenRules,
  'returns numbers as numbers and bytes as bytes': returnsNumbersAndBytes,
  'assigns ids that are numbers': assignsIds,
  'rejects a query outside the open transaction': rejectsNestedQueries,
  'runs transactions that touch one row one after the other': locksRows,
  'orders text by bytes': ordersText,
  'starts nothing after the caller has aborted': startsNothingAfterAbort,
}

/** One step of the random comparison of both databases. */
export type Step =
  | { readonly do: 'insert' | 'upsert' | 'delete'; readonly id: string; readonly at: number }
  | { readonly do: 'add'; readonly at: number }
  | { readonly do: 'fail'; readonly id: string }

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constantFrom('insert' as const, 'upsert' as const, 'delete' as const),
      id: fc.constantFrom('a', 'B', 'c', 'Ä', '"q\''),
      at: fc.nat(),
    }),
    fc.record({ do: fc.constant('add' as const), at: fc.nat(1000) }),
    fc.record({ do: fc.constant('fail' as const), id: fc.constantFrom('a', 'B', 'c') }),
  ),
  { maxLength: 40 },
)

/**
 * Runs the steps and returns everything that a caller can see: results, error codes, and the rows
 * after each step.
 */
export async function observe(database: Database, program: readonly Step[]): Promise<unknown[]> {
  const seen: unknown[] = []
  await database.query.deleteFrom('repository').execute()
  for (const step of program) {
    try {
      seen.push(await database.transaction((tx) => perform(tx, step)))
    } catch (error) {
      seen.push(databaseError.is(error) ? error.code : String(error))
    }
    const rows = await database.query.selectFrom('repository').selectAll().orderBy('id').execute()
    seen.push(rows.map((row) => ({ ...row })))
  }
  return seen
}

async function perform(tx: Database['query'], step: Step): Promise<unknown> {
  if (step.do === 'add') {
    const done = await tx
      .updateTable('repository')
      .set((row) => ({ created_at: row('created_at', '+', step.at) }))
      .executeTakeFirst()
    return done.numUpdatedRows
  }
  const row = { ...repository(step.id), created_at: 'at' in step ? step.at : 0 }
  if (step.do === 'insert')
    return (await tx.insertInto('repository').values(row).executeTakeFirst())
      .numInsertedOrUpdatedRows
  if (step.do === 'delete')
    return (await tx.deleteFrom('repository').where('id', '=', step.id).executeTakeFirst())
      .numDeletedRows
  if (step.do === 'fail') {
    await tx.deleteFrom('repository').where('id', '=', step.id).execute()
    throw new Error('on purpose')
  }
  return tx
    .insertInto('repository')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ created_at: row.created_at }))
    .returning(['id', 'created_at'])
    .execute()
    .then((rows) => rows.map((returned) => ({ ...returned })))
}
