/** Row locks where the database has them. */
import type { Dialect } from './schema/columns.ts'

/**
 * Locks the selected rows until the transaction ends, so that transactions which select them this
 * way run one after the other. SQLite's transactions do so anyway: they begin immediate.
 */
export function lockRow<Q extends { forUpdate(): Q }>(dialect: Dialect, query: Q): Q {
  return dialect === 'postgresql' ? query.forUpdate() : query
}
