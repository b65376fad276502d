/**
 * The intents that this agent accepted, one durable file each, written before anything is done. An
 * intent is accepted once. Sent again, it gets the first outcome. After a crash in between it is
 * performed again under the same run id, which the runner turns into the same run. Removed files
 * leave a mark of their newest time, so that a forgotten intent isn't taken for a new one.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../shared/clock.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { type OperationId, operationId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import { storageError, storageFailure, storing } from '../../shared/storage/storage-error.ts'
import { CLOCK_SKEW_MS } from '../../shared/trust/credentials.ts'
import { MAX_INTENT_MS } from '../../shared/trust/intent.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { fromText, toText } from '../../shared/trust/transport.ts'
import { commandError } from './errors.ts'

/**
 * Outcomes are kept for a week, so that a coordinator that was away can still ask what became of an
 * order (a replay is refused by its expiry long before).
 */
const KEEP_MS = 7 * 86_400_000
/**
 * Orders in a week on one host; beyond it the oldest finished ones go early. A row has 2 KiB, on
 * disk and in memory.
 */
const MAX_KEPT = 20_000

interface Row {
  /** SHA-256 of the intent's statement. */
  readonly digest: string
  readonly acceptedAt: number
  readonly expiresAt: number
  readonly outcome?: Signed
}

/** In errors of the disk. */
const WHAT = 'the record of orders'
/** Until when orders that expired may have been forgotten; no operation id, so no order's file. */
const MARK = 'forgotten.json'

export interface Journal {
  /**
   * Writes down that the order is accepted. `outcome` is there if it was carried out before.
   * @throws command.replayed, command.journal-full, storage.*: nothing may be done then
   */
  accept(
    operation: OperationId,
    intent: Signed,
    expiresAt: number,
  ): Promise<{ outcome: Signed | undefined }>
  /** Keeps the outcome: in memory while the disk takes nothing, and written with the next row. */
  conclude(operation: OperationId, outcome: Signed): Promise<void>
  /**
   * Keeps an order together with its outcome: one that is refused. As with {@link conclude}, a disk
   * that takes nothing does not keep the host from refusing.
   * @throws command.replayed, command.journal-full
   */
  refuse(operation: OperationId, intent: Signed, expiresAt: number, outcome: Signed): Promise<void>
  /** What is written down of this very intent; undefined: nothing. @throws command.replayed */
  find(operation: OperationId, intent: Signed): { outcome: Signed | undefined } | undefined
  /**
   * True for an order that ended so long ago that it may have been here and was forgotten. Ask only
   * of what {@link find} does not find.
   */
  mayHaveForgotten(expiresAt: number): boolean
}

export async function openJournal(
  deps: { clock: Clock; random: Random },
  options: { folder: string; maxKept?: number },
): Promise<Journal> {
  const { folder, maxKept = MAX_KEPT } = options
  await storing({ what: WHAT, path: folder }, () => mkdir(folder, { recursive: true, mode: 0o700 }))
  // Owned by this journal: what the files say. Written after the file, read instead of it.
  const rows = new Map<OperationId, Row>()
  // Owned by keep() and catchUp(): rows that the disk did not take.
  const unwritten = new Set<OperationId>()
  // Owned by tidy(): grows only.
  let forgotten = Number.NEGATIVE_INFINITY
  const names = await storing({ what: WHAT, path: folder, action: 'read' }, () => readdir(folder))
  for (const name of names) {
    if (name === MARK) {
      forgotten = await readMark(join(folder, name))
      continue
    }
    const id = name.endsWith('.json') ? name.slice(0, -5) : ''
    if (operationId.is(id)) rows.set(id, await read(join(folder, name)))
    // A crash inside writeDurable leaves its temporary file, which holds nothing that counts.
    else await rm(join(folder, name), { force: true })
  }

  const path = (operation: OperationId): string => join(folder, `${operation}.json`)

  const write = async (operation: OperationId, row: Row): Promise<void> => {
    const { outcome, ...rest } = row
    const text = JSON.stringify({ ...rest, ...(outcome ? { outcome: toText(outcome) } : {}) })
    await storing({ what: WHAT, path: path(operation) }, () =>
      writeDurable(deps, path(operation), text),
    )
    rows.set(operation, row)
    unwritten.delete(operation)
  }

  /** What was kept in memory, now that the disk takes rows again. */
  const catchUp = async (): Promise<void> => {
    for (const operation of unwritten) await write(operation, rows.get(operation) as Row)
  }

  /** As write(), and where the disk fails, in memory. */
  const keep = async (operation: OperationId, row: Row): Promise<void> => {
    try {
      await write(operation, row)
      await catchUp()
    } catch (error) {
      if (!storageError.is(error)) throw error
      // Crash now: the outcome is lost. An accepted order is asked of the runner then; one that was
      // refused was not begun, and expires within minutes.
      if (rows.get(operation) !== row) unwritten.add(operation)
      rows.set(operation, row)
    }
  }

  // Two at once could overwrite the later mark with the earlier one.
  const tidying = createLane({ name: 'the queue of journal clean-ups' })
  const tidy = (): Promise<void> => tidying.run(tidyNow)
  const tidyNow = async (): Promise<void> => {
    const now = deps.clock.now()
    const removable = [...rows]
      .filter(([, row]) => row.expiresAt < now && row.outcome !== undefined)
      .sort((a, b) => a[1].acceptedAt - b[1].acceptedAt)
    const old = removable.filter(([, row]) => row.acceptedAt + KEEP_MS < now)
    // Room for the one that comes.
    const excess = removable.slice(0, Math.max(0, rows.size - maxKept + 1))
    const leaving = new Set([...old, ...excess])
    const until = Math.max(forgotten, ...[...leaving].map(([, row]) => row.expiresAt))
    if (until > forgotten) {
      const mark = join(folder, MARK)
      await storing({ what: WHAT, path: mark }, () =>
        writeDurable(deps, mark, JSON.stringify({ until })),
      )
      forgotten = until
      // Crash here: more is said to be forgotten than is.
    }
    for (const [operation] of leaving) {
      await rm(path(operation), { force: true })
      rows.delete(operation)
      unwritten.delete(operation)
    }
    if (rows.size >= maxKept) throw commandError('command.journal-full', { limit: maxKept })
  }

  const find: Journal['find'] = (operation, intent) => {
    const known = rows.get(operation)
    if (known === undefined) return undefined
    if (known.digest !== digestOf(intent)) throw commandError('command.replayed', { operation })
    return { outcome: known.outcome }
  }

  const newRow = (intent: Signed, expiresAt: number): Row => {
    const acceptedAt = deps.clock.now()
    // A genuine order expires within minutes. One that claims a later end was refused for that; its
    // row must not stay for as long as it says.
    return {
      digest: digestOf(intent),
      acceptedAt,
      expiresAt: Math.min(expiresAt, acceptedAt + CLOCK_SKEW_MS + MAX_INTENT_MS),
    }
  }

  return {
    find,
    mayHaveForgotten: (expiresAt) => expiresAt <= forgotten,

    async accept(operation, intent, expiresAt) {
      const known = find(operation, intent)
      if (known) return known
      await tidy()
      await write(operation, newRow(intent, expiresAt))
      await catchUp().catch((error: unknown) => {
        if (!storageError.is(error)) throw error
      })
      // Crash here: the order is accepted and nothing was done. Sent again, it is carried out;
      // never sent again, it never is.
      return { outcome: undefined }
    },

    async conclude(operation, outcome) {
      const row = rows.get(operation)
      if (row === undefined) throw new Error(`operation ${operation} was never accepted`)
      await keep(operation, { ...row, outcome })
      // Crash before this: it was done and no outcome is written. Sent again, the runner answers
      // with the same run, and the outcome is made anew.
    },

    async refuse(operation, intent, expiresAt, outcome) {
      if (find(operation, intent) !== undefined)
        throw new Error(
          `operation ${operation} is known: what became of it is not for a refusal to say`,
        )
      await tidy().catch((error: unknown) => {
        if (!storageError.is(error)) throw error
        if (rows.size >= maxKept) throw commandError('command.journal-full', { limit: maxKept })
      })
      await keep(operation, { ...newRow(intent, expiresAt), outcome })
      // Crash before this: the intent never came. A second refusal may have another reason, because
      // the first was never sent.
    },
  }
}

async function readMark(path: string): Promise<number> {
  try {
    const { until } = JSON.parse(await readFile(path, 'utf8')) as { until?: unknown }
    if (typeof until !== 'number') throw new Error('the time is missing')
    return until
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** An error of the disk does not mean that the file is damaged. */
function unreadable(path: string, cause: unknown): unknown {
  const failure = storageFailure(cause, { what: WHAT, path, action: 'read' })
  return storageError.is(failure)
    ? failure
    : commandError('command.journal-damaged', { path }, { cause })
}

const digestOf = (intent: Signed): string =>
  createHash('sha256').update(intent.statement).digest('hex')

async function read(path: string): Promise<Row> {
  try {
    const { digest, acceptedAt, expiresAt, outcome } = JSON.parse(
      await readFile(path, 'utf8'),
    ) as Record<string, unknown>
    if (
      typeof digest !== 'string' ||
      typeof acceptedAt !== 'number' ||
      typeof expiresAt !== 'number'
    )
      throw new Error('fields are missing')
    return {
      digest,
      acceptedAt,
      expiresAt,
      ...(outcome === undefined ? {} : { outcome: fromText(outcome) }),
    }
  } catch (cause) {
    throw unreadable(path, cause)
  }
}
