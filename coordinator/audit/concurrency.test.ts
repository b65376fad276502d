import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { sql } from 'kysely'
import {
  FLEET,
  intentStatement,
  issuer,
  logStatements,
  secondIssuer,
  type Statement,
} from '../../fixtures/audit/fleet.ts'
import { verifyConsistency } from '../../shared/audit/proof.ts'
import { systemClock } from '../../shared/clock.ts'
import { systemRandom } from '../../shared/random.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { databaseError } from '../database/errors.ts'
import { migrate } from '../database/migrate.ts'
import { testPlace } from '../database/testing.ts'
import { type Ledger, openLedger } from './ledger.ts'

const COORDINATORS = 8
const EACH = 25

interface Coordinator {
  readonly database: Database
  readonly ledger: Ledger
}

/** Fails unless a cut connection may cause the error. Any other error is a bug. */
function requireCut(error: unknown): void {
  const codes = ['database.unreachable', 'database.outcome-unknown'] as const
  assert.ok(
    codes.some((code) => databaseError.is(error, code)),
    String(error),
  )
}

/** Appends the entry exactly once, however often the connection is cut. */
async function appendOnce({ database, ledger }: Coordinator, statement: Statement): Promise<void> {
  for (;;) {
    const there = database.query
      .selectFrom('log_entry')
      .select('index')
      .where('operation', '=', statement.operation)
    try {
      if ((await there.executeTakeFirst()) !== undefined) return
      await database.transaction((tx) => ledger.append(tx, statement))
    } catch (error) {
      requireCut(error)
    }
  }
}

it('DB-03: coordinators append without gaps in commit order as connections break', async () => {
  const place = await testPlace('postgresql')
  const scratch = await mkdtemp(join(tmpdir(), 'muster-fleet-'))
  const coordinators: Coordinator[] = []
  for (let i = 0; i < COORDINATORS; i += 1) {
    const database = await openDatabase({ clock: systemClock }, { url: place.url, create: true })
    await migrate(database)
    const deps = {
      database,
      clock: systemClock,
      random: systemRandom,
      signer: i % 2 === 0 ? issuer : secondIssuer,
    }
    const ledger = await openLedger(deps, {
      fleet: FLEET,
      coordinator: `c${i}`,
      folder: join(scratch, `c${i}`),
    })
    if (i === 0)
      await database.transaction(async (tx) =>
        ledger.append(tx, (await logStatements(1))[0] as Statement),
      )
    coordinators.push({ database, ledger })
  }
  const [{ database }] = coordinators as [Coordinator]
  const statements = await Promise.all(
    Array.from({ length: COORDINATORS * EACH }, (_, i) => intentStatement(i + 1)),
  )
  let running = true
  const watcher = (async () => {
    let looks = 0
    for (; running; looks += 1) {
      // One statement reads one state. If an index became visible before a smaller one, the counts
      // would differ.
      const { rows } = await sql<{ n: number; last: number; size: number }>`
        select count(*) as n, max("index") as last, (select size from log_head) as size
        from log_entry`
        .execute(database.query)
        .catch(() => ({ rows: [] }))
      for (const { n, last, size } of rows) assert.deepEqual([last + 1, size], [n, n])
      if (looks % 4 === 0)
        await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
          order by random() limit 1`
          .execute(database.query)
          .catch(() => {})
      await systemClock.sleep(5)
    }
    return looks
  })()
  const work = coordinators.map(async (coordinator, i) => {
    for (const [n, statement] of statements.slice(i * EACH, (i + 1) * EACH).entries()) {
      await appendOnce(coordinator, statement)
      if (n % 10 === i % 10) await coordinator.ledger.checkpoint().catch(requireCut)
    }
  })
  await Promise.all(work)
  running = false
  assert.ok((await watcher) > 10)

  const heads = []
  for (const { ledger } of coordinators) {
    const { size, root } = await ledger.checkpoint()
    heads.push(`${size} ${Buffer.from(root).toString('hex')}`)
    assert.deepEqual((await ledger.verify()).findings, [])
  }
  assert.equal(new Set(heads).size, 1)
  assert.equal(heads[0]?.split(' ')[0], String(statements.length + 1))
  const operations = await database.query
    .selectFrom('log_entry')
    .select('operation')
    .where('type', '=', 'intent')
    .execute()
  assert.equal(new Set(operations.map((row) => row.operation)).size, statements.length)
  const signed = await database.query.selectFrom('checkpoint').selectAll().orderBy('size').execute()
  for (const [i, next] of signed.entries()) {
    const known = signed[i - 1]
    const { ledger } = coordinators[i % COORDINATORS] as Coordinator
    if (known !== undefined)
      verifyConsistency(await ledger.consistency(known.size, next.size), known.root, next.root)
  }
  for (const one of coordinators) await one.database.close()
  await place.remove()
  await rm(scratch, { recursive: true })
})
