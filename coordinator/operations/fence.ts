/**
 * Order between operations on the same thing. What a later operation in the log touches too is that
 * one's: recovery of the earlier one must only look, since acting would undo what came after.
 */
import type { OperationId } from '../../shared/ids.ts'
import type { Database } from '../database/database.ts'
import type { Later, LoggedOperation, Operation, VerbHandler, VerbHandlers } from './operation.ts'
import { type Outcomes, readOperation } from './outcomes.ts'

/** Entries read at once. One is at most 64 KiB. */
const PAGE = 64

export interface FenceDeps {
  readonly database: Database
  readonly handlers: VerbHandlers
  readonly outcomes: Pick<Outcomes, 'fleet'>
}

/** An operation under way in this process. */
export interface Acting {
  readonly operation: Operation
  /** False while earlier operations are settled for it. */
  begun: boolean
  /** Undefined until its intent is in the log. */
  index: number | undefined
}

/** Names of what an operation touches. */
export function touchedBy(handlers: VerbHandlers, operation: Operation): readonly string[] {
  // Which handler it is and what it takes go together by construction of the table; the type
  // checker sees a union on both sides.
  const handler: VerbHandler<never> = handlers[operation.verb]
  return handler.kind === 'act' ? (handler.touches?.(operation as never) ?? []) : []
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
  const later = new Map<string, { id: OperationId; verb: string }>()
  const add = (found: { id: OperationId; verb: string }, touched: readonly string[]): void => {
    for (const name of touched)
      if (names.includes(name) && !later.has(name))
        later.set(name, { id: found.id, verb: found.verb })
  }
  if (names.length === 0) return later
  // One that this version cannot read may touch anything.
  for await (const found of intentsAfter(deps, operation.index))
    add(found, 'operation' in found ? touchedBy(deps.handlers, found.operation) : names)
  for (const { operation: other, begun, index = Number.POSITIVE_INFINITY } of acting)
    if (begun && other.id !== operation.id && index > operation.index)
      add(other, touchedBy(deps.handlers, other))
  return later
}

type Found = { id: OperationId; verb: string; operation: LoggedOperation }
type Unreadable = { id: OperationId; verb: string }

/**
 * The intents behind `index`, in order. A record verb's grants are entries of another type, and
 * touch nothing.
 */
async function* intentsAfter(deps: FenceDeps, index: number): AsyncGenerator<Found | Unreadable> {
  for (let at = index; ; ) {
    const rows = await deps.database.query
      .selectFrom('log_entry')
      .select(['index', 'bytes', 'operation'])
      .where('index', '>', at)
      .where('type', '=', 'intent')
      .orderBy('index')
      .limit(PAGE)
      .execute()
    for (const row of rows) {
      const operation = tryRead(deps, row)
      yield operation === undefined
        ? { id: row.operation as OperationId, verb: 'an unknown operation' }
        : { id: operation.id, verb: operation.verb, operation }
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    at = last.index
  }
}

function tryRead(
  deps: FenceDeps,
  row: { index: number; bytes: Uint8Array },
): LoggedOperation | undefined {
  try {
    return readOperation(deps.outcomes.fleet, row)
  } catch {
    // Made by another version. The caller treats it as one that touches everything.
    return undefined
  }
}
