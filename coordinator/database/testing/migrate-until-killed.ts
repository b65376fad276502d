/**
 * `node migrate-until-killed.ts URL N` migrates the database and dies before the N-th statement or
 * ledger row. migrate.test.ts runs it.
 */
import { systemClock } from '../../../shared/clock.ts'
import { openDatabase } from '../database.ts'
import { migrate } from '../migrate.ts'
import { MIGRATIONS } from '../migrations/all.ts'
import type { Migration } from '../schema/migration.ts'
import { dieAt } from './die.ts'

const [url, place] = process.argv.slice(2) as [string, string]
const pass = dieAt(Number(place))

/**
 * Returns the same statements. The process passes a place before each one: when it is executed, and
 * when its checksum is computed.
 */
const deadly = (migration: Migration): Migration => ({
  name: migration.name,
  statements: (types) =>
    ({
      *[Symbol.iterator]() {
        for (const statement of migration.statements(types)) {
          pass()
          yield statement
        }
      },
    }) as unknown as readonly string[],
})

const database = await openDatabase({ clock: systemClock }, { url, create: true })
await migrate(database, MIGRATIONS.map(deadly))
await database.close()
