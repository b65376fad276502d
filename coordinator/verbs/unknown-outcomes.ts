/**
 * Settles outcomes that the log has as `unknown`: a host that is back is asked what became of the
 * order, and the outcome that it signed is logged behind the unknown one.
 */
import type { Clock } from '../../shared/clock.ts'
import { agentId, type OperationId, operationId } from '../../shared/ids.ts'
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

/** Rows read at once: bounds memory, not how many orders the host is asked about. */
const PAGE = 256

export interface UnknownOutcomesDeps {
  readonly database: Database
  readonly ledger: Ledger
  readonly outcomes: Outcomes
  readonly dispatch: Pick<Dispatch, 'probe'>
  readonly clock: Clock
  readonly log: Logger
  /** Runs whose start turns out to have been done, or not. */
  readonly runs: Runs
}

export interface UnknownOutcomes {
  /** Asks the host about its orders. Returns how many outcomes it settled. @throws ledger.* */
  settle(agent: AgentRecord, signal: AbortSignal): Promise<number>
}

export function createUnknownOutcomes(deps: UnknownOutcomesDeps): UnknownOutcomes {
  const { database, ledger, outcomes } = deps

  const settleOne = async (
    operation: LoggedOperation,
    agent: AgentRecord,
    signal: AbortSignal,
  ): Promise<boolean> => {
    const only = { ...operation, targets: [agent.id] }
    const [result] = await deps.dispatch.probe(only, signal)
    // Not signed: the host did not answer, and is asked when it comes back the next time.
    if (result?.signed === undefined) return false
    return database.transaction(async (tx) => {
      const { numDeletedRows } = await tx
        .deleteFrom('unknown_outcome')
        .where('operation', '=', operation.id)
        .where('target', '=', agent.id)
        .executeTakeFirst()
      // Another connection of the same host was faster.
      if (numDeletedRows !== 1n) return false
      // A host that has forgotten the order adds nothing to what the log says.
      if (result.result === 'unknown') return true
      await outcomes.append(tx, operation, [result])
      if (isStart(operation)) await settleRuns(deps, operation, [result], tx)
      return true
    })
    // Crash here: the outcome is logged and not signed; the next checkpoint covers it.
  }

  return {
    async settle(agent, signal) {
      if (ledger.frozen() !== undefined) return 0
      let settled = 0
      for await (const operation of unknownOf(deps, agent, signal))
        if (await settleOne(operation, agent, signal)) settled += 1
      if (settled === 0) return 0
      await ledger.checkpoint(signal)
      deps.log.info({ host: agentId.parse(agent.id), settled }, 'unknown outcomes are settled')
      return settled
    },
  }
}

const isStart = (operation: LoggedOperation): operation is LoggedOperation<'run.start'> =>
  operation.verb === 'run.start'

/** The host's orders without a known outcome. One that can't be read is logged and left out. */
async function* unknownOf(
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
    // Another version wrote it. It stays unknown, and must not keep later orders from an answer.
    deps.log.warn({ operation: text, error }, 'an order without a known outcome cannot be read')
    return undefined
  }
}

/** Where the intent of the operation stands in the log. */
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
