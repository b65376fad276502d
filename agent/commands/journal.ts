/**
 * The journal of the intents that this agent accepted or refused. The agent writes an intent before
 * it acts on it. An intent has one outcome, which each later request returns. After a crash between
 * both, the agent carries out the intent again with the same run id. The runner then returns the
 * same run.
 */
import type { Clock } from '../../shared/clock.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import type { OperationId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import { storageError } from '../../shared/storage/storage-error.ts'
import { CLOCK_SKEW_MS } from '../../shared/trust/credentials.ts'
import { MAX_INTENT_MS } from '../../shared/trust/intent.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { commandError } from './errors.ts'
import { digestOf, type Row, RowStore } from './row-store.ts'

/**
 * Outcomes are kept for a week, because a coordinator that was offline may request them. An intent
 * expires long before, so it can't be carried out again.
 */
const KEEP_MS = 7 * 86_400_000
/** The intents of a week on one host. A row needs 2 KiB on disk and in memory. */
const MAX_KEPT = 20_000

export interface Journal {
  /**
   * Records that the intent is accepted. `outcome` is defined if the intent was carried out before.
   * If this throws, the agent must not act.
   * @throws command.replayed, command.journal-full, storage.*
   */
  accept(
    operation: OperationId,
    intent: Signed,
    expiresAt: number,
  ): Promise<{ outcome: Signed | undefined }>
  /** Keeps the outcome of an accepted intent. It stays in memory while the disk fails. */
  conclude(operation: OperationId, outcome: Signed): Promise<void>
  /**
   * Keeps a refused intent and its outcome. Both stay in memory while the disk fails.
   * @throws command.replayed, command.journal-full
   */
  refuse(operation: OperationId, intent: Signed, expiresAt: number, outcome: Signed): Promise<void>
  /** Returns the row of exactly this intent, or undefined. @throws command.replayed */
  find(operation: OperationId, intent: Signed): { outcome: Signed | undefined } | undefined
  /**
   * Returns true if an intent expired so long ago that its row may have been removed. Call it only
   * if {@link find} returned undefined.
   */
  mayHaveForgotten(expiresAt: number): boolean
}

/** @throws command.journal-damaged, storage.* */
export async function openJournal(
  deps: { clock: Clock; random: Random },
  options: { folder: string; maxKept?: number },
): Promise<Journal> {
  const { clock } = deps
  const { folder, maxKept = MAX_KEPT } = options
  const rows = await RowStore.open(deps, folder)
  const makeRoom = roomMaker({ clock, rows }, maxKept)

  const find: Journal['find'] = (operation, intent) => {
    const known = rows.get(operation)
    if (known === undefined) return undefined
    if (known.digest !== digestOf(intent)) throw commandError('command.replayed', { operation })
    return { outcome: known.outcome }
  }

  return {
    find,
    mayHaveForgotten: (expiresAt) => expiresAt <= rows.forgotten,

    async accept(operation, intent, expiresAt) {
      const known = find(operation, intent)
      if (known) return known
      await makeRoom()
      await rows.write(operation, newRow(clock.now(), intent, expiresAt))
      await rows.catchUp()
      // Crash here: the intent is accepted and nothing was done. The agent carries it out if the
      // coordinator sends it again.
      return { outcome: undefined }
    },

    async conclude(operation, outcome) {
      const row = rows.get(operation)
      if (row === undefined) throw new Error(`operation ${operation} was never accepted`)
      await rows.keep(operation, { ...row, outcome })
      // Crash before this: the intent is carried out and has no outcome. If it is sent again, the
      // runner returns the same run, and the agent signs a new outcome.
    },

    async refuse(operation, intent, expiresAt, outcome) {
      if (find(operation, intent) !== undefined)
        throw new Error(`operation ${operation} is known, so it cannot be refused`)
      await makeRoom().catch((error: unknown) => {
        if (!storageError.is(error)) throw error
        requireRoom(rows, maxKept)
      })
      await rows.keep(operation, { ...newRow(clock.now(), intent, expiresAt), outcome })
      // Crash before this: the intent is unknown. A second refusal may have another reason, because
      // the first was never sent.
    },
  }
}

function newRow(acceptedAt: number, intent: Signed, expiresAt: number): Row {
  return {
    digest: digestOf(intent),
    acceptedAt,
    // A genuine intent expires within minutes. An intent with a later expiry was refused. Its row
    // must not stay longer than others.
    expiresAt: Math.min(expiresAt, acceptedAt + CLOCK_SKEW_MS + MAX_INTENT_MS),
  }
}

/**
 * Removes old rows until one more fits. Calls run one after another, so that an older mark cannot
 * overwrite a newer one. (The mark is the newest expiry of removed rows.)
 * @throws command.journal-full, storage.*
 */
function roomMaker(deps: { clock: Clock; rows: RowStore }, maxKept: number): () => Promise<void> {
  const { clock, rows } = deps
  const makeRoom = async (): Promise<void> => {
    await rows.remove(removableRows(rows.entries(), { now: clock.now(), maxKept }))
    requireRoom(rows, maxKept)
  }
  const lane = createLane({ name: 'the queue of journal clean-ups' })
  return () => lane.run(makeRoom)
}

/**
 * Returns expired rows with an outcome: those older than a week, and the oldest ones if there are
 * too many.
 */
function removableRows(
  rows: readonly (readonly [OperationId, Row])[],
  options: { now: number; maxKept: number },
): Map<OperationId, Row> {
  const { now, maxKept } = options
  const removable = rows
    .filter(([, row]) => row.expiresAt < now && row.outcome !== undefined)
    .sort((a, b) => a[1].acceptedAt - b[1].acceptedAt)
  const old = removable.filter(([, row]) => row.acceptedAt + KEEP_MS < now)
  // The new row needs room too.
  const excess = removable.slice(0, Math.max(0, rows.length - maxKept + 1))
  return new Map([...old, ...excess])
}

function requireRoom(rows: RowStore, maxKept: number): void {
  if (rows.size >= maxKept) throw commandError('command.journal-full', { limit: maxKept })
}
