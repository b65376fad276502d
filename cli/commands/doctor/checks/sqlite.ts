/**
 * Checks the version of the SQLite library. The write-ahead log of some versions corrupts
 * databases.
 */
import type { Check } from '../ground/check.ts'

export const sqlite: Check = {
  name: 'sqlite',
  run: async () => {
    const [{ default: Sqlite }, { checkSqliteLibrary }] = await Promise.all([
      import('better-sqlite3'),
      import('../../../../coordinator/database/sqlite-library.ts'),
    ])
    const database = new Sqlite(':memory:')
    try {
      const version = String(database.prepare('select sqlite_version()').pluck().get())
      checkSqliteLibrary(version)
      return { status: 'ok', detail: `sqlite ${version}` }
    } finally {
      database.close()
    }
  },
}
