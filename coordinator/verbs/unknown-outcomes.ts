/**
 * Settles outcomes that the log has as `unknown`. When a host reconnects, the coordinator asks it
 * for the signed outcome, and logs that outcome after the unknown one.
 */
import type { Clock } from '../../shared/clock.ts'
import { type OperationId, operationId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { Database } from '../database/database.ts'
import { databaseError } from '../database/errors.ts'
import type { LoggedOperation } from '../operations/operation.ts'
import type { Outcomes } from '../operations/outcomes.ts'
import { settleRuns } from './runs.ts'
import type { AgentRecord } from '../registry/agents.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { Runs } from '../dispatch/runs.ts'

/** The number of rows in one read. It limits the memory, not the number of operations. */
const PAGE = 256

export interface UnknownOutcomesDeps {
  readonly database: Database
  readonly ledger: Ledger
  readonly outcomes: Outcomes
  readonly dispatch: Pick<Dispatch, 'probe'>
  readonly clock: Clock
  readonly log: Logger
  /** Gets the results of starts. */
  readonly runs: Runs
}

export interface UnknownOutcomes {
  /** Asks the host for its outcomes. @returns the number of settled outcomes @throws ledger.* */
  settle(agent: AgentRecord, signal: AbortSignal): Promise<number>
}

export function createUnknownOutcomes(deps: UnknownOutcomesDeps): UnknownOutcomes {
  return {
    async settle(agent, signal) {
      if (deps.ledger.frozen() !== undefined) return 0
      let settled = 0
      for await (const operation of unknownOperations(deps, agent, signal))
        if (await settleOne(deps, operation, agent, signal)) settled += 1
      if (settled === 0) return 0
      await deps.ledger.checkpoint(signal)
      deps.log.info({ host: agent.id, settled }, 'unknown outcomes are settled')
      return settled
    },
  }
}

/**
 * Logs the outcome that the host signed. Returns false if the host signed none, or if another call
 * has settled it.
 */
async function settleOne(
  deps: UnknownOutcomesDeps,
  operation: LoggedOperation,
  agent: AgentRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const only = { ...operation, targets: [agent.id] }
  const [result] = await deps.dispatch.probe(only, signal)
  // The host did not respond. The coordinator asks it at its next connection.
  if (result?.signed === undefined) return false
  return deps.database.transaction(async (tx) => {
    const { numDeletedRows } = await tx
      .deleteFrom('unknown_outcome')
      .where('operation', '=', operation.id)
      .where('target', '=', agent.id)
      .executeTakeFirst()
    if (numDeletedRows !== 1n) return false
    // The host has no record of the intent, so nothing is added to the log.
    if (result.result === 'unknown') return true
    await deps.outcomes.append(tx, operation, [result])
    if (isStart(operation)) await settleRuns(deps, operation, [result], tx)
    return true
  })
  // Crash here: the outcome is logged and not signed. The next checkpoint covers it.
}

const isStart = (operation: LoggedOperation): operation is LoggedOperation<'run.start'> =>
  operation.verb === 'run.start'

/**
 * Yields the host's operations with an unknown outcome. An operation that can't be read is logged
 * and skipped.
 */
async function* unknownOperations(
  deps: UnknownOutcomesDeps,
  agent: AgentRecord,
  signal: AbortSignal,
): AsyncGenerator<LoggedOperation> {
  for (let last = ''; ; ) {
    signal.throwIfAborted()
    const rows = await deps.database.query
      .selectFrom('unknown_outcome')
      .select('operation')
      .where('target', '=', agent.id)
      .where('operation', '>', last)
      .orderBy('operation')
      .limit(PAGE)
      .execute()
    for (const row of rows) {
      signal.throwIfAborted()
      last = row.operation
      const operation = await readOperation(deps, row.operation)
      if (operation !== undefined) yield operation
    }
    if (rows.length < PAGE) return
  }
}

async function readOperation(
  deps: UnknownOutcomesDeps,
  text: string,
): Promise<LoggedOperation | undefined> {
  try {
    const index = await indexOf(deps.database, operationId.parse(text))
    return index === undefined ? undefined : await deps.outcomes.operationAt(index)
  } catch (error) {
    if (databaseError.is(error)) throw error
    // Another version wrote this operation. Its outcome stays unknown, and the later operations are
    // settled.
    deps.log.warn({ operation: text, error }, 'an operation with unknown outcome cannot be read')
    return undefined
  }
}

/** Returns the index of the operation's intent in the log. */
async function indexOf(database: Database, operation: OperationId): Promise<number | undefined> {
  const row = await database.query
    .selectFrom('log_entry')
    .select('index')
    .where('operation', '=', operation)
    .orderBy('index')
    .limit(1)
    .executeTakeFirst()
  return row?.index
}
