/**
 * The order of operations on the same thing. A name that a later operation touches belongs to that
 * operation. Recovery of an earlier one only reads there: a change would undo the later one.
 */
import type { Verb } from '../../protocols/control/verbs.ts'
import type { OperationId } from '../../shared/ids.ts'
import type { Database } from '../database/database.ts'
import {
  handlerOf,
  type Later,
  type LaterOperation,
  type LoggedOperation,
  type Operation,
  type VerbHandlers,
} from './operation.ts'
import { type Outcomes, readOperation } from './outcomes.ts'

/** Entries that are read at once. One has at most 64 KiB. */
const PAGE = 64

export interface FenceDeps {
  readonly database: Database
  readonly handlers: VerbHandlers
  readonly outcomes: Pick<Outcomes, 'fleet'>
}

/** An operation that is under way in this process. */
export interface Acting {
  readonly operation: Operation
  /** False while earlier operations are settled for it. */
  begun: boolean
  /** Undefined until its intent is in the log. */
  index: number | undefined
}

/** Names of what an operation touches. */
export function touchedBy<V extends Verb>(
  handlers: VerbHandlers,
  operation: Operation<V>,
): readonly string[] {
  const handler = handlerOf(handlers, operation)
  return handler.kind === 'act' ? (handler.touches?.(operation) ?? []) : []
}

/**
 * For each name that `operation` touches, the first later operation that touches it too, in the log
 * or in this process.
 */
export async function laterOperations(
  deps: FenceDeps,
  operation: LoggedOperation,
  acting: Iterable<Acting>,
): Promise<Later> {
  const names = touchedBy(deps.handlers, operation)
  const later = new Map<string, LaterOperation>()
  const add = ({ id, verb }: LaterOperation, touched: readonly string[]): void => {
    for (const name of touched)
      if (names.includes(name) && !later.has(name)) later.set(name, { id, verb })
  }
  if (names.length === 0) return later
  // An operation that this version can't read may touch anything.
  for await (const found of intentsAfter(deps, operation.index))
    add(found, 'arguments' in found ? touchedBy(deps.handlers, found) : names)
  for (const { operation: other, begun, index = Number.POSITIVE_INFINITY } of acting)
    if (begun && other.id !== operation.id && index > operation.index)
      add(other, touchedBy(deps.handlers, other))
  return later
}

/** The intents after `index`, in order. Grants are entries of another type, and touch nothing. */
async function* intentsAfter(
  deps: FenceDeps,
  index: number,
): AsyncGenerator<LoggedOperation | LaterOperation> {
  for (let at = index; ; ) {
    const rows = await deps.database.query
      .selectFrom('log_entry')
      .select(['index', 'bytes', 'operation'])
      .where('index', '>', at)
      .where('type', '=', 'intent')
      .orderBy('index')
      .limit(PAGE)
      .execute()
    for (const row of rows)
      yield tryRead(deps, row) ?? { id: row.operation ?? '', verb: 'an unknown operation' }
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    at = last.index
  }
}

/** Undefined for an intent of another version. */
function tryRead(
  deps: FenceDeps,
  row: { index: number; bytes: Uint8Array },
): LoggedOperation | undefined {
  try {
    return readOperation(deps.outcomes.fleet, row)
  } catch {
    return undefined
  }
}

/** Operations that this process carries out, by id. */
export type ActingById = ReadonlyMap<OperationId, Acting>
