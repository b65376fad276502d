/**
 * Writes and reads outcomes in the log. An outcome is the result on one target. The agent that
 * executed the operation signs it, else this coordinator's issuing key does.
 */
import {
  type OperateResponse,
  type OperateResult,
  operateResult,
  plainValue,
} from '../../protocols/control/messages.ts'
import { isVerb, VERBS } from '../../protocols/control/verbs.ts'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import type { ErrorData } from '../../shared/errors.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import { decodeEntry } from '../../shared/audit/entry.ts'
import type { Outcome } from '../../shared/trust/outcome.ts'
import { fromText } from '../../shared/trust/transport.ts'
import { readSigned, type Signed, signStatement } from '../../shared/trust/signed.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { Database } from '../database/database.ts'
import { hostResult } from '../outcomes/host-outcome.ts'
import { operationError } from './errors.ts'
import type { LoggedOperation, Operation, Tx } from './operation.ts'
import { outcomeDetail } from './outcome-detail.ts'
import type { TargetResult } from '../outcomes/result.ts'

export interface Outcomes {
  readonly fleet: FleetId
  /** Logs one outcome for each result. */
  append(tx: Tx, operation: Operation, results: readonly TargetResult[]): Promise<void>
  /**
   * Returns the response to an operation that was performed before. Undefined if it is new.
   * @throws operation.in-progress, operation.reused-id
   */
  find(operation: Operation): Promise<OperateResponse | undefined>
  /** Returns the operation whose intent is entry `index` of the log. */
  operationAt(index: number): Promise<LoggedOperation>
}

export interface OutcomesDeps {
  readonly database: Database
  readonly ledger: Ledger
  readonly issuer: Signer
  readonly clock: Clock
  readonly fleet: FleetId
}

export function createOutcomes(deps: OutcomesDeps): Outcomes {
  return {
    fleet: deps.fleet,

    async append(tx, operation, results) {
      for (const row of results) await appendOutcome(deps, tx, operation, row)
    },

    find: (operation) => findResponse(deps.database, operation),

    async operationAt(index) {
      const row = await deps.database.query
        .selectFrom('log_entry')
        .select(['index', 'bytes'])
        .where('index', '=', index)
        .executeTakeFirstOrThrow()
      return readOperation(deps.fleet, row)
    },
  }
}

async function appendOutcome(
  deps: OutcomesDeps,
  tx: Tx,
  operation: Operation,
  row: TargetResult,
): Promise<void> {
  const signed = row.signed ?? (await signOutcome(deps, operation, row))
  await deps.ledger.append(tx, { type: 'outcome', operation: operation.id, signed })
  // A host that signed `unknown` no longer has a record of the operation. It is not asked again.
  if (row.result === 'unknown' && row.signed === undefined && row.target !== '')
    await tx
      .insertInto('unknown_outcome')
      .values({ operation: operation.id, target: row.target })
      .execute()
}

function signOutcome(
  { issuer, fleet, clock }: OutcomesDeps,
  operation: Operation,
  row: TargetResult,
): Promise<Signed> {
  return signStatement(issuer, 'outcome', {
    fleet,
    operation: operation.id,
    verb: operation.verb,
    target: row.target,
    result: row.result,
    detail: outcomeDetail(row),
    at: rfc3339(clock.now()),
  })
}

async function findResponse(
  database: Database,
  operation: Operation,
): Promise<OperateResponse | undefined> {
  const rows = await database.query
    .selectFrom('log_entry')
    .select(['index', 'bytes', 'type'])
    .where('operation', '=', operation.id)
    .orderBy('index')
    .execute()
  const [intent, ...rest] = rows
  if (intent === undefined) return undefined
  requireSame(fromText(decodeEntry(intent.bytes)), operation)
  if (rest.length === 0) throw operationError('operation.in-progress', { operation: operation.id })
  // After an `unknown` outcome, the log may contain the one that the host signed later. The last
  // one counts.
  const results = new Map<string, OperateResult>()
  for (const row of rest) {
    if (row.type !== 'outcome') continue
    const result = await loggedResult(database, fromText(decodeEntry(row.bytes)))
    results.set(result.target, result)
  }
  return { operation: operation.id, index: intent.index, results: [...results.values()] }
}

/** Returns the result that the caller got when the outcome was logged. */
async function loggedResult(database: Database, signed: Signed): Promise<OperateResult> {
  const outcome = readSigned(signed, 'outcome')
  const host = await database.query
    .selectFrom('agent')
    .select(['name', 'public_key'])
    .where('id', '=', outcome.target)
    .executeTakeFirst()
  return host !== undefined && Buffer.from(host.public_key).equals(signed.key)
    ? publicResult({ target: outcome.target, ...hostResult(host.name, outcome) })
    : ownResult(outcome)
}

/** Returns the result in an outcome that {@link signOutcome} made. */
function ownResult({ target, result, detail: { error, ...detail } }: Outcome): OperateResult {
  const plain = Object.entries(detail).map(([key, value]) => {
    const { success, data } = plainValue.safeParse(value)
    return [key, success ? data : JSON.stringify(value)] as const
  })
  const known = operateResult.shape.error.safeParse(error).data
  return defined({ target, result, detail: Object.fromEntries(plain), error: known })
}

/**
 * Returns the operation whose intent an entry contains. Throws if the intent is from another fleet,
 * or if this version has no such verb.
 */
export function readOperation(
  fleet: FleetId,
  entry: { readonly index: number; readonly bytes: Uint8Array },
): LoggedOperation {
  const signed = fromText(decodeEntry(entry.bytes))
  const intent = readSigned(signed, 'intent', { fleet })
  if (!isVerb(intent.verb)) throw operationError('operation.unknown-verb', { verb: intent.verb })
  return {
    id: intent.operation,
    verb: intent.verb,
    actor: intent.actor,
    targets: intent.targets,
    arguments: VERBS[intent.verb].arguments.parse(intent.arguments),
    signed,
    index: entry.index,
  }
}

/** Rejects another intent with the id of an earlier one. @throws operation.reused-id */
export function requireSame(earlier: Signed, operation: Operation): void {
  if (!Buffer.from(earlier.statement).equals(operation.signed.statement))
    throw operationError('operation.reused-id', { operation: operation.id })
}

/** Returns the verb and the targets of an operation for an error. */
export const named = ({ verb, targets }: Operation) => ({ verb, target: targets.join(', ') })

export function responseOf(
  operation: Operation,
  index: number,
  results: readonly TargetResult[],
): OperateResponse {
  return { operation: operation.id, index, results: results.map(publicResult) }
}

/** Returns the part of a result that the caller gets. */
export function publicResult({ target, result, detail, error }: TargetResult): OperateResult {
  return defined({
    target,
    result,
    detail: plainData(detail),
    error: error && { code: error.code, data: plainData(error.data) },
  })
}

function plainData(data: ErrorData): OperateResult['detail'] {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null ? [...value] : value,
    ]),
  )
}
