/** Adds an intent to the log, and checks the actor's rights again in the same transaction. */
import type { Clock } from '../../shared/clock.ts'
import type { Ledger } from '../audit/ledger.ts'
import { type AcceptDeps, authorizeTargets } from './accept.ts'
import { operationError } from './errors.ts'
import type { Operation, Tx } from './operation.ts'

export interface LogIntentDeps extends Pick<AcceptDeps, 'access' | 'agents'> {
  readonly ledger: Ledger
  readonly clock: Clock
}

/**
 * Logs the intent under the lock of the log's head. Returns its index.
 * @throws operation.in-progress if another coordinator logged it in between, trust.denied if a
 * right was revoked in between
 */
export async function logIntent(
  deps: LogIntentDeps,
  tx: Tx,
  operation: Operation,
): Promise<number> {
  const { index } = await deps.ledger.append(tx, {
    type: operation.verb.startsWith('grant.') ? 'policy' : 'intent',
    operation: operation.id,
    signed: operation.signed,
  })
  const earlier = await tx
    .selectFrom('log_entry')
    .select('index')
    .where('operation', '=', operation.id)
    .where('index', '<', index)
    .limit(1)
    .executeTakeFirst()
  if (earlier !== undefined)
    throw operationError('operation.in-progress', { operation: operation.id })
  // The head of the log is locked. So a revocation is either before this entry and counts, or it
  // comes after the entry.
  await authorizeTargets(deps, operation, deps.clock.now(), tx)
  return index
}
