/**
 * Signs the log: rows → tiles on disk, read back → signature → shared checkpoint row → this
 * coordinator's checkpoint file. Each signed state extends the last one, because tiles are extended
 * only by rows that lead to the head's root. A smaller or different log is never signed. One run at
 * a time; callers that arrive during a run share the next one.
 */
import { auditError } from '../../shared/audit/errors.ts'
import { type Checkpoint, openCheckpoint, signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { joinSubtrees, sameHash, subtrees } from '../../shared/audit/tree.ts'
import type { Clock } from '../../shared/clock.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import type { MusterError } from '../../shared/errors.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { FleetId } from '../../shared/ids.ts'
import { abortable } from '../../shared/interrupt.ts'
import { CHECKPOINT_FILE } from '../../shared/audit/bundle-layout.ts'
import type { Database } from '../database/database.ts'
import { issuersOf, newestCheckpoint, storeCheckpoint } from './checkpoints.ts'
import { ledgerError } from './errors.ts'
import { type Head, readHead } from './head.ts'
import { readRows } from './rows.ts'
import type { TileFiles } from './tile-files.ts'
import { emptyTileStore, openTileStore, type TileStore } from './tile-store.ts'

export interface CheckpointPublisherDeps {
  readonly database: Database
  readonly clock: Clock
  /** An issuing key of the fleet's root statement. */
  readonly signer: Signer
  readonly files: TileFiles
  readonly fleet: FleetId
}

export interface CheckpointPublisher {
  /**
   * A checkpoint that covers every entry that was committed when this was called.
   * @throws ledger.*, also ledger.frozen
   */
  checkpoint(signal?: AbortSignal): Promise<Checkpoint>
  /** The newest checkpoint that this coordinator published. */
  published(): Checkpoint | undefined
  /** True after a checkpoint failed for a reason that may pass, until the next one succeeds. */
  behind(): boolean
  /** Why no change is possible any more; undefined if the log is sound. */
  frozen(): MusterError | undefined
  /** @throws ledger.frozen */
  requireSound(): void
  /**
   * Compares a checkpoint of another holder with this log. Freezes the log if entries were lost or
   * changed.
   */
  compareCheckpoint(note: string): Promise<void>
  /** The tiles, for proofs. @throws ledger.frozen */
  tiles(): TileStore
  /** Runs `work` between two checkpoints, while the partial tiles don't change. */
  betweenCheckpoints<T>(work: (store: TileStore | undefined) => Promise<T>): Promise<T>
}

/**
 * Opens the tiles and signs the entries that a crash left unsigned. A damaged log opens frozen: it
 * can be read and verified, but not changed.
 * @throws ledger.storage, database.*
 */
export async function openCheckpointPublisher(
  deps: CheckpointPublisherDeps,
): Promise<CheckpointPublisher> {
  const { database, clock, signer, files, fleet } = deps
  let store: TileStore | undefined
  let published: Checkpoint | undefined
  let fault: MusterError | undefined
  // Owned by signPending().
  let behind = false
  const lane = createLane({ name: 'the queue of checkpoints' })
  // Owned by checkpoint(): the run that callers wait for.
  let next: Promise<Checkpoint> | undefined

  const freezeOnFault = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      // The log contradicts itself or a signed state, so no later run may sign. Other errors may
      // pass, such as a full disk or an unreachable database.
      if (isFatal(error)) fault ??= error
      throw error
    }
  }

  const signPending = async (): Promise<Checkpoint> => {
    try {
      const made = await freezeOnFault(run)
      behind = false
      return made
    } catch (error) {
      behind = true
      throw error
    }
  }

  const requireSound = (): void => {
    if (fault !== undefined)
      throw ledgerError('ledger.frozen', { reason: fault.message }, { cause: fault })
  }

  const tiles = (): TileStore => {
    requireSound()
    return store as TileStore
  }

  /** Makes the tiles of the whole log and returns its head. */
  const extend = async (): Promise<Head> => {
    const head = await readHead(database.query)
    requireNotSmaller(head, published, 'this coordinator')
    await tiles().extend(head.size, head.root, (from, to) => readRows(database.query, from, to))
    return head
  }

  const rootAt = async (size: number): Promise<Uint8Array> =>
    joinSubtrees(await tiles().nodes(subtrees(0, size)))

  const run = async (): Promise<Checkpoint> => {
    requireSound()
    const needed = (await readHead(database.query)).size
    if (needed === 0) throw ledgerError('ledger.empty')
    if (published !== undefined && published.size === needed) return published
    for (;;) {
      const head = await extend()
      const newest = await newestCheckpoint(database.query, fleet)
      // Another coordinator signed more than the head that was read, so read again. If the head is
      // still behind, entries were lost.
      if (newest !== undefined && newest.size > head.size) {
        requireNotSmaller(await readHead(database.query), newest, 'a stored checkpoint')
        continue
      }
      if (newest !== undefined && newest.size >= needed) {
        requireSameLog(newest, await rootAt(newest.size), 'a stored checkpoint')
        return publish(newest)
      }
      await requireIssuing()
      const { size, root } = head
      const checkpoint = await signCheckpoint(signer, fleet, { size, root, at: clock.now() })
      // Crash here: the signature was not stored or shown. The next start signs again.
      if (await storeCheckpoint(database, checkpoint)) return publish(checkpoint)
    }
  }

  /** Other nodes would reject a checkpoint by a key that the root doesn't name. */
  const requireIssuing = async (): Promise<void> => {
    const { current } = await issuersOf(database.query)
    if (!current.some((key) => sameHash(key, signer.publicKey)))
      throw ledgerError('ledger.signer', { key: signer.fingerprint })
  }

  const publish = async (checkpoint: Checkpoint): Promise<Checkpoint> => {
    // Crash here: the row is stored and the file is older. The next start extends the tiles from
    // the file's size, and checks the rows since then.
    await files.write(CHECKPOINT_FILE, Buffer.from(checkpoint.note))
    published = checkpoint
    await tiles().prune()
    return checkpoint
  }

  const open = async (): Promise<void> => {
    const head = await readHead(database.query)
    // This coordinator's key comes first: the note stays valid even if the database is empty or
    // foreign.
    const issuers = [signer.publicKey, ...(await issuersOf(database.query)).all]
    const note = await files.read(CHECKPOINT_FILE)
    const own = note && openOwn(Buffer.from(note).toString(), fleet, issuers)
    published = own
    requireNotSmaller(head, own, "this coordinator's own checkpoint")
    requireNotSmaller(head, await newestCheckpoint(database.query, fleet), 'a stored checkpoint')
    store = own ? await openTileStore(files, own) : emptyTileStore(files)
    if (store === undefined && own !== undefined) {
      // Tiles are lost or damaged. They are rebuilt from the rows, if the rows still have the
      // signed root.
      store = emptyTileStore(files)
      await store.extend(own.size, own.root, (from, to) => readRows(database.query, from, to))
    }
    if (head.size === 0) return
    await requireIssuing()
    await run()
  }

  await lane
    .run(() => freezeOnFault(open))
    .catch((error: unknown) => {
      if (!isFatal(error)) throw error
    })

  return {
    async checkpoint(signal) {
      signal?.throwIfAborted()
      // The current run may have read the head before the caller's commit. The next run reads it
      // after.
      next ??= lane.run(() => {
        next = undefined
        return signPending()
      })
      return abortable(next, signal)
    },
    published: () => published,
    behind: () => behind,
    frozen: () => fault,
    requireSound,
    compareCheckpoint: (note) =>
      lane.run(() =>
        freezeOnFault(async () => {
          const seen = openCheckpoint(note, {
            fleet,
            issuers: [signer.publicKey, ...(await issuersOf(database.query)).all],
          })
          const head = await readHead(database.query)
          requireNotSmaller(head, seen, 'a member of the fleet')
          if (seen.size > tiles().size()) await extend()
          requireSameLog(seen, await rootAt(seen.size), 'a member of the fleet')
        }),
      ),
    tiles,
    betweenCheckpoints: (work) => lane.run(() => work(store)),
  }
}

/**
 * This coordinator's checkpoint file is written atomically. If it doesn't open, the disk failed or
 * a program changed it.
 */
function openOwn(note: string, fleet: FleetId, issuers: readonly Uint8Array[]): Checkpoint {
  try {
    return openCheckpoint(note, { fleet, issuers })
  } catch (cause) {
    throw ledgerError(
      'ledger.damaged',
      {
        index: null,
        reason: `this coordinator's own checkpoint file: ${(cause as Error).message}`,
      },
      { cause },
    )
  }
}

function isFatal(error: unknown): error is MusterError {
  return (
    auditError.is(error, 'audit.entry') ||
    ledgerError.is(
      error,
      'ledger.rolled-back',
      'ledger.forked',
      'ledger.damaged',
      'ledger.read-back',
    )
  )
}

function requireNotSmaller(head: Head, known: Checkpoint | undefined, source: string): void {
  if (known !== undefined && known.size > head.size)
    throw ledgerError('ledger.rolled-back', { source, known: known.size, got: head.size })
}

function requireSameLog(known: Checkpoint, root: Uint8Array, source: string): void {
  if (sameHash(known.root, root)) return
  throw ledgerError('ledger.forked', {
    source,
    size: known.size,
    known: hex(known.root),
    got: hex(root),
  })
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
