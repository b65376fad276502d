/** Row locks, on databases that have them. */
import type { Dialect } from './schema/columns.ts'

/**
 * Locks the selected rows until the transaction ends. Transactions that lock the same rows run one
 * after another. On SQLite all transactions do, because they begin immediate.
 */
export function lockRow<Q extends { forUpdate(): Q }>(dialect: Dialect, query: Q): Q {
  return dialect === 'postgresql' ? query.forUpdate() : query
}
