/**
 * Finds the later operations on the same names. A name identifies a thing that an operation reads
 * or changes, such as a snapshot. If a later operation touches a name, recovery of the earlier
 * operation only reads there. A change would undo the later operation.
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

/** The number of entries in one read. An entry has at most 64 KiB. */
const PAGE = 64

export interface FenceDeps {
  readonly database: Database
  readonly handlers: VerbHandlers
  readonly outcomes: Pick<Outcomes, 'fleet'>
}

/** An operation that this process carries out. */
export interface Acting {
  readonly operation: Operation
  /** False until the earlier operations on its names are settled. */
  begun: boolean
  /** The index of its intent. Undefined until the intent is in the log. */
  index: number | undefined
}

/**
 * Returns the names that an operation reads or changes. Empty for verbs that change only the
 * database.
 */
export function touchedBy<V extends Verb>(
  handlers: VerbHandlers,
  operation: Operation<V>,
): readonly string[] {
  const handler = handlerOf(handlers, operation)
  return handler.kind === 'act' ? (handler.touches?.(operation) ?? []) : []
}

/**
 * Returns, for each name that `operation` touches, the first later operation that also touches it.
 * Later operations are in the log or in this process.
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
  // An operation that this version can't read may touch every name.
  for await (const found of intentsAfter(deps, operation.index))
    add(found, 'arguments' in found ? touchedBy(deps.handlers, found) : names)
  for (const { operation: other, begun, index = Number.POSITIVE_INFINITY } of acting)
    if (begun && other.id !== operation.id && index > operation.index)
      add(other, touchedBy(deps.handlers, other))
  return later
}

/**
 * Yields the intents after `index`, in order. Intents of grants have another entry type and touch
 * no names, so they are left out.
 */
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

/** Reads the operation. Returns undefined if this version can't read the intent. */
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

/** The operations that this process carries out, by id. */
export type ActingById = ReadonlyMap<OperationId, Acting>
