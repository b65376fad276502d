/**
 * Signs the log. It writes the rows to tiles on disk, reads them back and signs a checkpoint. Then
 * it stores the checkpoint in the shared row and in this coordinator's file. Each signed state
 * extends the last one, because tiles are extended only by rows that lead to the head's root. A
 * smaller or different log is never signed. Only one run happens at a time. Callers that arrive
 * during a run share the next one.
 */
import { type Checkpoint, openCheckpoint, signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { sameHash } from '../../shared/audit/tree.ts'
import type { Clock } from '../../shared/clock.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import { shareRuns } from '../../shared/concurrency/shared-run.ts'
import type { MusterError } from '../../shared/errors.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { FleetId } from '../../shared/ids.ts'
import { abortable } from '../../shared/interrupt.ts'
import type { Database } from '../database/database.ts'
import {
  issuersOf,
  newestCheckpoint,
  requireNotSmaller,
  requireSameLog,
  storeCheckpoint,
} from './checkpoints.ts'
import { ledgerError } from './errors.ts'
import { readHead } from './head.ts'
import { LocalLog } from './local-log.ts'
import { isLogFault, LogFault } from './log-fault.ts'
import type { TileFiles } from './tile-files.ts'
import type { TileStore } from './tile-store.ts'

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
   * Returns a checkpoint of every entry that was committed when this was called.
   * @throws ledger.*, also ledger.frozen
   */
  checkpoint(signal?: AbortSignal): Promise<Checkpoint>
  /** Returns the newest checkpoint that this coordinator published. */
  published(): Checkpoint | undefined
  /** True after a checkpoint failed for a temporary reason, until the next one succeeds. */
  behind(): boolean
  /** Returns why no change is possible any more; undefined if the log is sound. */
  frozen(): MusterError | undefined
  /** @throws ledger.frozen */
  requireSound(): void
  /**
   * Compares a checkpoint of another holder with this log. Freezes the log if entries were lost or
   * changed.
   */
  compareCheckpoint(note: string): Promise<void>
  /** Returns the tiles, for proofs. @throws ledger.frozen */
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
  const { database, files, fleet } = deps
  const fault = new LogFault()
  const log = new LocalLog({ database, files, fleet, fault })
  // Each connecting host compares its checkpoint here. The number of connections limits them, and a
  // rejected signature would fail an operation that has taken effect.
  const lane = createLane({ name: 'checkpoints', waiting: Number.POSITIVE_INFINITY })
  // Only sign() changes it.
  let isBehind = false
  const sign = async (): Promise<Checkpoint> => {
    try {
      const made = await fault.watch(() => signLog(deps, log))
      isBehind = false
      return made
    } catch (error) {
      isBehind = true
      throw error
    }
  }
  // A run may have read the head before the caller's commit. The next run reads it afterwards.
  const signNext = shareRuns(lane, sign)

  await fault
    .watch(() => openLog(deps, log))
    .catch((error: unknown) => {
      if (!isLogFault(error)) throw error
    })

  return {
    async checkpoint(signal) {
      signal?.throwIfAborted()
      return abortable(signNext(), signal)
    },
    published: () => log.published,
    behind: () => isBehind,
    frozen: () => fault.error,
    requireSound: () => fault.requireSound(),
    compareCheckpoint: (note) =>
      lane.run(() => fault.watch(() => compareCheckpoint(deps, log, note))),
    tiles: () => log.tiles(),
    betweenCheckpoints: (work) => lane.run(() => work(log.store)),
  }
}

/** Opens the local files, compares them with the database, and signs the pending entries. */
async function openLog(deps: CheckpointPublisherDeps, log: LocalLog): Promise<void> {
  const { query } = deps.database
  const head = await readHead(query)
  const own = await log.readPublished(await knownIssuers(deps))
  requireNotSmaller(head, own, "this coordinator's own checkpoint")
  requireNotSmaller(head, await newestCheckpoint(query, deps.fleet), 'a stored checkpoint')
  await log.openTiles()
  if (head.size === 0) return
  await requireIssuing(deps)
  await signLog(deps, log)
}

async function signLog(deps: CheckpointPublisherDeps, log: LocalLog): Promise<Checkpoint> {
  const { database, fleet, signer, clock } = deps
  log.tiles()
  const needed = (await readHead(database.query)).size
  if (needed === 0) throw ledgerError('ledger.empty')
  if (log.published?.size === needed) return log.published
  for (;;) {
    const head = await log.extend()
    const newest = await newestCheckpoint(database.query, fleet)
    // Another coordinator signed more than the head that was read, so read again. If the head is
    // still behind, entries were lost.
    if (newest !== undefined && newest.size > head.size) {
      requireNotSmaller(await readHead(database.query), newest, 'a stored checkpoint')
      continue
    }
    if (newest !== undefined && newest.size >= needed) {
      requireSameLog(newest, await log.rootAt(newest.size), 'a stored checkpoint')
      return log.publish(newest)
    }
    await requireIssuing(deps)
    const { size, root } = head
    const checkpoint = await signCheckpoint(signer, fleet, { size, root, at: clock.now() })
    // Crash here: the signature was not stored or shown. The next start signs again.
    if (await storeCheckpoint(database, checkpoint)) return log.publish(checkpoint)
  }
}

async function compareCheckpoint(
  deps: CheckpointPublisherDeps,
  log: LocalLog,
  note: string,
): Promise<void> {
  const { database, fleet } = deps
  const seen = openCheckpoint(note, { fleet, issuers: await knownIssuers(deps) })
  const head = await readHead(database.query)
  requireNotSmaller(head, seen, 'a member of the fleet')
  if (seen.size > log.tiles().size()) await log.extend()
  requireSameLog(seen, await log.rootAt(seen.size), 'a member of the fleet')
}

/**
 * Returns this coordinator's key first. So its checkpoint file stays valid even if the database is
 * empty or of another fleet.
 */
async function knownIssuers({ database, signer }: CheckpointPublisherDeps): Promise<Uint8Array[]> {
  return [signer.publicKey, ...(await issuersOf(database.query)).all]
}

/** Fails unless the root names this key. Other nodes would reject its checkpoints. */
async function requireIssuing({ database, signer }: CheckpointPublisherDeps): Promise<void> {
  const { current } = await issuersOf(database.query)
  if (!current.some((key) => sameHash(key, signer.publicKey)))
    throw ledgerError('ledger.signer', { key: signer.fingerprint })
}
