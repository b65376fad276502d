/** The SQLite library: one whose write-ahead log can corrupt a database must not be used. */
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
      const { version } = database.prepare('select sqlite_version() as version').get() as {
        version: string
      }
      checkSqliteLibrary(version)
      return { status: 'ok', detail: `sqlite ${version}` }
    } finally {
      database.close()
    }
  },
}
