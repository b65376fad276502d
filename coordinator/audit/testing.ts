/**
 * A ledger for tests with a real database, its own folder and the keys of fixtures/audit/fleet.ts.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FLEET, issuer, logStatements, type Statement } from '../../fixtures/audit/fleet.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import { systemRandom } from '../../shared/random.ts'
import type { Dialect } from '../database/schema/columns.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { migrate } from '../database/migrate.ts'
import { testPlace } from '../database/testing.ts'
import { type Ledger, openLedger } from './ledger.ts'

interface ReopenOptions {
  readonly clock?: Clock
  readonly signer?: Signer
  readonly folder?: string
}

export interface TestLog extends AsyncDisposable {
  readonly url: string
  /** The coordinator's tiles. */
  readonly folder: string
  /** A folder for exports and other files. */
  readonly scratch: string
  /** The database of the newest {@link TestLog.open}. */
  readonly database: Database
  readonly ledger: Ledger
  /** Closes and opens the log again, as a restart does. */
  reopen(options?: ReopenOptions): Promise<Ledger>
  /** Appends statements, each in its own transaction. */
  fill(statements: readonly Statement[]): Promise<void>
}

export async function testLog(dialect: Dialect = 'sqlite', entries = 0): Promise<TestLog> {
  const place = await testPlace(dialect)
  const scratch = await mkdtemp(join(tmpdir(), 'muster-ledger-'))
  const folder = join(scratch, 'log')
  const connect = async (clock: Clock): Promise<Database> => {
    const opened = await openDatabase({ clock }, { url: place.url, create: true })
    await migrate(opened)
    return opened
  }
  const open = (options: ReopenOptions): Promise<Ledger> =>
    openLedger(
      {
        database,
        clock: options.clock ?? systemClock,
        random: systemRandom,
        signer: options.signer ?? issuer,
      },
      { fleet: FLEET, coordinator: 'c1', folder: options.folder ?? folder },
    )
  let database = await connect(systemClock)
  let ledger = await open({})
  const log: TestLog = {
    url: place.url,
    folder,
    scratch,
    get database() {
      return database
    },
    get ledger() {
      return ledger
    },
    async reopen(options = {}) {
      await database.close()
      database = await connect(options.clock ?? systemClock)
      ledger = await open(options)
      return ledger
    },
    async fill(statements) {
      for (const statement of statements)
        await log.database.transaction((tx) => log.ledger.append(tx, statement))
    },
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await place.remove()
      await rm(scratch, { recursive: true, force: true })
    },
  }
  await log.fill(await logStatements(entries))
  return log
}
