/**
 * Intents whose outcome is not in the log yet: what recovery at the next start has to look into.
 */
import type { Kysely } from 'kysely'
import type { Clock } from '../../shared/clock.ts'
import { type OperationId, operationId } from '../../shared/ids.ts'
import type { Tables } from '../database/tables/all.ts'
import { ledgerError } from './errors.ts'

export interface OpenIntent {
  readonly operation: OperationId
  /** Of its intent in the log. */
  readonly index: number
  readonly verb: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The coordinator that acts on it. */
  readonly coordinator: string
}

/**
 * Call it in the transaction that appends the intent. @throws database.exists if the operation is
 * open already
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
 * Call it in the transaction that appends the last outcome: of two that try, one fails and its
 * outcome is rolled back.
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
 * Oldest first. Of one coordinator where one is named: another one may be acting on its own at this
 * moment.
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
