/**
 * B12: appends to the audit log, one durable transaction for each entry, on SQLite and on
 * PostgreSQL (a separate server, with fsync). There is no rival. For comparison, it inserts the
 * same number of plain rows of the same size through the same drivers. This shows the limit of the
 * disk.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import pg from 'pg'
import { openLedger } from '../coordinator/audit/ledger.ts'
import { openDatabase } from '../coordinator/database/database.ts'
import { migrate } from '../coordinator/database/migrate.ts'
import { FLEET, issuer, logStatements, type Statement } from '../fixtures/audit/fleet.ts'
import { systemRandom } from '../shared/random.ts'
import { startEmbedded } from '../shared/testing/postgres-embedded.ts'
import type { BenchmarkContext, Contender } from './harness.ts'
import type { Benchmark } from './harness.ts'

/** The approximate size of an entry with its indices. */
const ROW_BYTES = 1200

// The rounds fill it, and remarks() reads it.
const rates = new Map<string, number[]>()

function contender(
  context: BenchmarkContext,
  name: string,
  count: number,
  run: () => Promise<void>,
  close?: () => Promise<void>,
): Contender {
  return {
    name,
    async measure() {
      const startedAt = context.clock.monotonic()
      const before = process.cpuUsage()
      await run()
      const seconds = (context.clock.monotonic() - startedAt) / 1000
      const { user, system } = process.cpuUsage(before)
      rates.set(name, [...(rates.get(name) ?? []), count / seconds])
      return { seconds, cpuSeconds: (user + system) / 1e6, notes: { perSecond: count / seconds } }
    },
    ...(close ? { close } : {}),
  }
}

/** Creates a new log at `url` and `count` statements to append. */
async function appending(
  context: BenchmarkContext,
  name: string,
  url: string,
  count: number,
): Promise<Contender> {
  const { clock, folder } = context
  const database = await openDatabase({ clock }, { url, create: true })
  await migrate(database)
  const tiles = join(folder, name)
  const ledger = await openLedger(
    { database, clock, random: systemRandom, signer: issuer },
    { fleet: FLEET, coordinator: 'bench', folder: tiles },
  )
  const [root, ...others] = (await logStatements(65)) as [Statement, ...Statement[]]
  await database.transaction((tx) => ledger.append(tx, root))
  const run = async (): Promise<void> => {
    for (let i = 0; i < count; i += 1)
      await database.transaction((tx) => ledger.append(tx, others[i % others.length] as Statement))
  }
  return contender(context, name, count, run, () => database.close())
}

function bareSqlite(context: BenchmarkContext, count: number): Contender {
  const raw = new Sqlite(join(context.folder, 'bare.db'))
  raw.pragma('journal_mode = wal')
  raw.pragma('synchronous = full')
  raw.exec('create table row (id integer primary key, bytes blob)')
  const insert = raw.prepare('insert into row (bytes) values (?)')
  const row = Buffer.alloc(ROW_BYTES)
  const run = async (): Promise<void> => {
    for (let i = 0; i < count; i += 1) insert.run(row)
  }
  return contender(context, 'better-sqlite3, a bare row', count, run, async () => void raw.close())
}

async function barePostgresql(
  context: BenchmarkContext,
  url: string,
  count: number,
  close: () => Promise<void>,
): Promise<Contender> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(
    'create table row (id bigint generated always as identity primary key, bytes bytea)',
  )
  const row = Buffer.alloc(ROW_BYTES)
  const run = async (): Promise<void> => {
    for (let i = 0; i < count; i += 1)
      await client.query('insert into row (bytes) values ($1)', [row])
  }
  return contender(context, 'pg, a bare row', count, run, async () => {
    await client.end()
    await close()
  })
}

export const benchmark: Benchmark = {
  id: 'b12',
  title: 'audit append, one durable transaction for each entry',
  remarks: () => {
    const figures = [...rates].map(([name, values]) => {
      const median = values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
      return `${name}: ${Math.round(median)} a second`
    })
    return [...figures, 'floor 500 a second, goal 2000']
  },
  async contenders(context) {
    const count = context.smoke ? 20 : 1000
    // This folder is outside the benchmark's folder, which the server's user can't access.
    const place = await mkdtemp(join(tmpdir(), 'muster-bench-postgres-'))
    await chmod(place, 0o711)
    const server = await startEmbedded(join(place, 'server'), { durable: true })
    const stop = async (): Promise<void> => {
      await server.stop()
      await rm(place, { recursive: true, force: true })
    }
    return [
      await appending(
        context,
        'muster on SQLite',
        `sqlite://${join(context.folder, 'muster.db')}`,
        count,
      ),
      bareSqlite(context, count),
      await appending(context, 'muster on PostgreSQL', server.url, count),
      await barePostgresql(context, server.url, count, stop),
    ]
  },
}
