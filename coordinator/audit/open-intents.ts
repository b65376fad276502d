/** Intents without an outcome in the log. Recovery at the next start settles them. */
import type { Kysely } from 'kysely'
import type { Clock } from '../../shared/clock.ts'
import { type OperationId, operationId } from '../../shared/ids.ts'
import type { Tables } from '../database/tables/all.ts'
import { ledgerError } from './errors.ts'

export interface OpenIntent {
  readonly operation: OperationId
  /** The index of the intent in the log. */
  readonly index: number
  readonly verb: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The coordinator that carries it out. */
  readonly coordinator: string
}

/**
 * Records an open intent. Call it in the transaction that appends the intent.
 * @throws database.exists if the operation is already open
 */
export async function openIntent(
  deps: { clock: Clock },
  tx: Kysely<Tables>,
  intent: { operation: OperationId; index: number; verb: string; coordinator: string },
): Promise<void> {
  await tx
    .insertInto('open_intent')
    .values({ ...intent, at: deps.clock.now() })
    .execute()
}

/**
 * Removes that record. Call it in the transaction that appends the last outcome. If two callers
 * try, one fails and its outcome is rolled back.
 * @throws ledger.intent-closed
 */
export async function closeIntent(tx: Kysely<Tables>, operation: OperationId): Promise<void> {
  const { numDeletedRows } = await tx
    .deleteFrom('open_intent')
    .where('operation', '=', operation)
    .executeTakeFirst()
  if (numDeletedRows !== 1n) throw ledgerError('ledger.intent-closed', { operation })
}

/**
 * Lists open intents, oldest first. With a coordinator's name, lists only its own intents, because
 * another coordinator may be carrying out the others right now.
 */
export async function openIntents(
  query: Kysely<Tables>,
  coordinator?: string,
): Promise<OpenIntent[]> {
  const all = query.selectFrom('open_intent').selectAll().orderBy('index')
  const rows = await (coordinator === undefined
    ? all
    : all.where('coordinator', '=', coordinator)
  ).execute()
  return rows.map((row) => ({ ...row, operation: operationId.parse(row.operation) }))
}
