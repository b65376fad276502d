/** A migration: one file below migrations/. It never changes after a release. */
import { createHash } from 'node:crypto'
import { COLUMN_TYPES, type ColumnTypes, type Dialect } from './columns.ts'

export interface Migration {
  /** `NNNN-area`. Migrations are applied in order of name. */
  readonly name: string
  /** Returns SQL statements that both databases understand, with the given column types. */
  statements(types: ColumnTypes): readonly string[]
}

/**
 * Computes SHA-256 of the statements for one database. Runs of whitespace count as one space, so
 * the formatting may change.
 */
export function migrationChecksum(migration: Migration, dialect: Dialect): string {
  const hash = createHash('sha256')
  for (const statement of migration.statements(COLUMN_TYPES[dialect]))
    hash.update(`${statement.replace(/\s+/g, ' ').trim()};\n`)
  return hash.digest('hex')
}
