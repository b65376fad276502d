/**
 * Outcomes in the log: what became of each target, signed by the agent that did it or else by this
 * coordinator's issuing key.
 */
import type { OperateResponse, OperateResult } from '../../protocols/control/messages.ts'
import { isVerb, VERBS } from '../../protocols/control/verbs.ts'
import { canonicalJson, type Json } from '../../shared/canonical-json.ts'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import type { ErrorValue } from '../../shared/errors.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import { decodeEntry } from '../../shared/audit/entry.ts'
import type { Outcome } from '../../shared/trust/outcome.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import { fromText } from '../../shared/trust/transport.ts'
import { readSigned, type Signed, signStatement } from '../../shared/trust/signed.ts'
import { KIB } from '../../shared/units.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { Database } from '../database/database.ts'
import { hostResult } from '../outcomes/host-outcome.ts'
import { operationError } from './errors.ts'
import type { LoggedOperation, Operation, Tx } from './operation.ts'
import type { TargetResult } from '../outcomes/result.ts'

export interface Outcomes {
  readonly fleet: FleetId
  /** Logs one outcome for each result. */
  append(tx: Tx, operation: Operation, results: readonly TargetResult[]): Promise<void>
  /**
   * The response that the operation got when it was performed before; undefined if it is new.
   * @throws operation.in-progress, operation.reused-id
   */
  find(operation: Operation): Promise<OperateResponse | undefined>
  /** The operation whose intent stands at `index` of the log. */
  operationAt(index: number): Promise<LoggedOperation>
}

export function createOutcomes(deps: {
  database: Database
  ledger: Ledger
  issuer: Signer
  clock: Clock
  fleet: FleetId
}): Outcomes {
  const { database, ledger } = deps

  const sign = (operation: Operation, row: TargetResult): Promise<Signed> =>
    signStatement(deps.issuer, 'outcome', {
      fleet: deps.fleet,
      operation: operation.id,
      verb: operation.verb,
      target: row.target,
      result: row.result,
      detail: bounded({
        ...statementValues(row.detail),
        ...(row.error
          ? { error: { code: row.error.code, data: statementValues(row.error.data) } }
          : {}),
      }),
      at: rfc3339(deps.clock.now()),
    })

  /** The outcome as its caller was told of it. */
  const told = async (signed: Signed): Promise<OperateResult> => {
    const outcome = readSigned(signed, 'outcome')
    const host = await database.query
      .selectFrom('agent')
      .select(['name', 'public_key'])
      .where('id', '=', outcome.target)
      .executeTakeFirst()
    if (host === undefined || !Buffer.from(host.public_key).equals(signed.key))
      return resultOf(outcome)
    return publicResult({ target: outcome.target, ...hostResult(host.name, outcome) })
  }

  return {
    fleet: deps.fleet,

    async append(tx, operation, results) {
      for (const row of results) {
        await ledger.append(tx, {
          type: 'outcome',
          operation: operation.id,
          signed: row.signed ?? (await sign(operation, row)),
        })
        // A host that has signed `unknown` has forgotten it: there is no use in asking again.
        if (row.result === 'unknown' && row.signed === undefined && row.target !== '')
          await tx
            .insertInto('unknown_outcome')
            .values({ operation: operation.id, target: row.target })
            .execute()
      }
    },

    async find(operation) {
      const rows = await database.query
        .selectFrom('log_entry')
        .select(['index', 'bytes', 'type'])
        .where('operation', '=', operation.id)
        .orderBy('index')
        .execute()
      const [intent, ...rest] = rows
      if (intent === undefined) return undefined
      requireSame(fromText(decodeEntry(intent.bytes)), operation)
      if (rest.length === 0)
        throw operationError('operation.in-progress', { operation: operation.id })
      // An outcome that was unknown is followed by the one that its host signed when it was back.
      const results = new Map<string, OperateResult>()
      for (const row of rest) {
        if (row.type !== 'outcome') continue
        const result = await told(fromText(decodeEntry(row.bytes)))
        results.set(result.target, result)
      }
      return { operation: operation.id, index: intent.index, results: [...results.values()] }
    },

    async operationAt(index) {
      const row = await database.query
        .selectFrom('log_entry')
        .select(['index', 'bytes'])
        .where('index', '=', index)
        .executeTakeFirstOrThrow()
      return readOperation(deps.fleet, row)
    },
  }
}

/**
 * The operation whose intent an entry holds. Throws if it is of another fleet, or of a version with
 * other verbs.
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

/** Refuses another order under the id of an earlier one. */
export function requireSame(earlier: Signed, operation: Operation): void {
  if (!Buffer.from(earlier.statement).equals(operation.signed.statement))
    throw operationError('operation.reused-id', { operation: operation.id })
}

/** What the caller learns of a result. */
export function publicResult(row: TargetResult): OperateResult {
  const plain = (data: Readonly<Record<string, unknown>>): OperateResult['detail'] =>
    Object.fromEntries(
      Object.entries(data).map(([key, value]) => [
        key,
        Array.isArray(value) ? value.map(String) : (value as string | number | boolean | null),
      ]),
    )
  return {
    target: row.target,
    result: row.result,
    detail: plain(row.detail),
    ...(row.error ? { error: { code: row.error.code, data: plain(row.error.data) } } : {}),
  }
}

function resultOf(outcome: Outcome): OperateResult {
  const { error, ...detail } = outcome.detail as Record<string, Json>
  return {
    target: outcome.target,
    result: outcome.result,
    detail: detail as OperateResult['detail'],
    ...(error ? { error: error as unknown as NonNullable<OperateResult['error']> } : {}),
  }
}

/** Statements hold whole numbers and well-formed text only. */
function statementValues(values: Readonly<Record<string, ErrorValue>>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, statementValue(value)]),
  )
}

function statementValue(value: ErrorValue): Json {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : String(value)
  return Array.isArray(value) ? value.map((item: string) => item.toWellFormed()) : value
}

/**
 * Of a statement's 48 KiB and of an entry's 64 KiB, in which the statement is text once more; the
 * rest is for what names the operation.
 */
const MAX_DETAIL_BYTES = 40 * KIB

/**
 * An outcome must fit into the log, whatever a handler found worth telling: lists are cut to ever
 * fewer items, texts to ever fewer characters.
 */
function bounded(detail: Record<string, Json>): JsonObject {
  for (let most = 1024; ; most = Math.floor(most / 2)) {
    const cut = most === 1024 ? detail : (shortened(detail, most) as JsonObject)
    // As the entry holds it: quotes and line ends are escaped twice there.
    if (Buffer.byteLength(JSON.stringify(canonicalJson(cut))) <= MAX_DETAIL_BYTES) return cut
  }
}

function shortened(value: Json, most: number): Json {
  if (typeof value === 'string')
    return value.length > most ? value.slice(0, most).toWellFormed() : value
  if (Array.isArray(value)) return value.slice(0, most).map((item: Json) => shortened(item, most))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, most)
      .map(([key, item]) => [key, shortened(item, most)]),
  )
}
