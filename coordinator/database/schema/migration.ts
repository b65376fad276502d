/** A migration: one file below migrations/. It never changes after a release. */
import { createHash } from 'node:crypto'
import { COLUMN_TYPES, type ColumnTypes, type Dialect } from './columns.ts'

export interface Migration {
  /** `NNNN-area`. Migrations are applied in order of name. */
  readonly name: string
  /** SQL statements that both databases understand, given their column types. */
  statements(types: ColumnTypes): readonly string[]
}

/**
 * SHA-256 over the statements for one database, with whitespace collapsed. Formatting may change,
 * meaning may not.
 */
export function migrationChecksum(migration: Migration, dialect: Dialect): string {
  const hash = createHash('sha256')
  for (const statement of migration.statements(COLUMN_TYPES[dialect]))
    hash.update(`${statement.replace(/\s+/g, ' ').trim()};\n`)
  return hash.digest('hex')
}
