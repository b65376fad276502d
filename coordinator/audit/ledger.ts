/**
 * The audit log of the fleet on a coordinator. Entries are appended in the caller's transaction
 * (append.ts), then written to tiles and signed (checkpoint-publisher.ts). They can be proved,
 * verified and exported at any time. If a log contradicts itself or a signed state, it is frozen:
 * it can be read, but every append fails, so that no change goes unlogged.
 */
import type { Kysely } from 'kysely'
import type { BundleReport } from '../../shared/audit/bundle.ts'
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { decodeEntry, type Entry } from '../../shared/audit/entry.ts'
import { auditError } from '../../shared/audit/errors.ts'
import {
  type ConsistencyProof,
  type InclusionProof,
  proveConsistency,
  proveInclusion,
  verifyConsistency,
  verifyInclusion,
} from '../../shared/audit/proof.ts'
import { joinSubtrees, subtrees } from '../../shared/audit/tree.ts'
import type { Clock } from '../../shared/clock.ts'
import type { MusterError } from '../../shared/errors.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { FleetId, OperationId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables/all.ts'
import { type Append, type Appended, appendEntry, requireLoggable } from './append.ts'
import { ledgerError } from './errors.ts'
import { exportLog } from './export.ts'
import { ensureHead, readHead } from './head.ts'
import { closeIntent, type OpenIntent, openIntent, openIntents } from './open-intents.ts'
import { openCheckpointPublisher, type CheckpointPublisher } from './checkpoint-publisher.ts'
import { PAGE, readRow, readRows } from './rows.ts'
import { type TileFiles, tileFiles } from './tile-files.ts'
import type { TileStore } from './tile-store.ts'
import { type VerifyReport, verifyLog } from './verify.ts'
import type { ReadLogFile } from './verify-entry.ts'
import { newestSigned } from './writable.ts'

type Tx = Kysely<Tables>

export interface LoggedEntry {
  readonly index: number
  readonly bytes: Uint8Array
  readonly entry: Entry
}

export interface Ledger {
  /**
   * Appends one signed statement in the caller's transaction. Until the commit, no other
   * coordinator can append. If it throws, the transaction must not be committed.
   * @throws ledger.frozen, ledger.entry, ledger.first
   */
  append(tx: Tx, entry: Append): Promise<Appended>
  /** Rejects a statement of another node that no transaction could append. @throws ledger.entry */
  requireLoggable(entry: Append): void
  /**
   * Records that an intent has no outcome yet. Call it in the transaction that appends the intent.
   */
  openIntent(tx: Tx, intent: { operation: OperationId; index: number; verb: string }): Promise<void>
  /**
   * Removes that record. Call it in the transaction that appends the last outcome.
   * @throws ledger.intent-closed
   */
  closeIntent(tx: Tx, operation: OperationId): Promise<void>
  /**
   * Lists this coordinator's intents without an outcome, oldest first. `all`: every coordinator's.
   */
  openIntents(options?: { all?: boolean }): Promise<OpenIntent[]>
  /**
   * Signs the log: tiles are written durably and read back, then a checkpoint covers every entry
   * that was committed when this was called.
   * @throws ledger.frozen, ledger.empty, ledger.storage (may pass), ledger.damaged, ledger.forked,
   * ledger.rolled-back (the last three freeze the log)
   */
  checkpoint(signal?: AbortSignal): Promise<Checkpoint>
  /** Returns the newest checkpoint that this coordinator published. */
  published(): Checkpoint | undefined
  /**
   * True after a checkpoint failed for a temporary reason, until one succeeds. See writable.ts.
   */
  behind(): boolean
  /** Returns the number and the root of all committed entries, also of unsigned ones. */
  head(): Promise<{ size: number; root: Uint8Array }>
  /**
   * Proves that entry `index` is in the log of the first `size` entries. A checkpoint must cover
   * them.
   * @throws audit.range, ledger.damaged
   */
  prove(index: number, size: number): Promise<InclusionProof>
  /**
   * Proves that the log of `to` entries extends the log of `from` entries.
   * @throws audit.range, ledger.damaged
   */
  consistency(from: number, to: number): Promise<ConsistencyProof>
  /**
   * Yields entries from `from` to `to` (exclusive; the end of the log by default), in order.
   * @throws audit.range, ledger.damaged
   */
  entries(from: number, to?: number): AsyncIterable<LoggedEntry>
  /** Checks the whole log and reports every fault. Reads all entries. */
  verify(signal?: AbortSignal): Promise<VerifyReport>
  /** Writes the signed log into a new folder, to verify it offline. @throws ledger.export-exists */
  export(folder: string, signal?: AbortSignal): Promise<BundleReport>
  /**
   * Compares a checkpoint of an agent or a witness with the log. If the log lost or changed entries
   * of the checkpoint, it is frozen.
   */
  compareCheckpoint(note: string): Promise<void>
  /** Returns why the log accepts no entries; undefined if it accepts them. */
  frozen(): MusterError | undefined
}

export interface LedgerDeps {
  readonly database: Database
  readonly clock: Clock
  readonly random: Random
  /** The key that signs checkpoints. The fleet's root statement must name it as an issuing key. */
  readonly signer: Signer
}

export interface LedgerOptions {
  readonly fleet: FleetId
  /** The coordinator's name in entries. */
  readonly coordinator: string
  /** The folder of the tiles and the newest checkpoint. Only this coordinator uses it. */
  readonly folder: string
}

/** Only the coordinator reads its own tiles. */
const TILE_MODE = 0o600

/**
 * Opens the log and signs the entries that a crash left unsigned. A damaged log opens frozen: see
 * {@link Ledger.frozen}.
 * @throws ledger.storage, database.*
 */
export async function openLedger(deps: LedgerDeps, options: LedgerOptions): Promise<Ledger> {
  const { database, clock, random } = deps
  const { fleet, coordinator, folder } = options
  const { dialect } = database
  await ensureHead(database)
  const files = tileFiles({ random }, { folder, mode: TILE_MODE })
  const publisher = await openCheckpointPublisher({
    database,
    clock,
    signer: deps.signer,
    files,
    fleet,
  })

  return {
    async append(tx, entry) {
      publisher.requireSound()
      return appendEntry({ clock }, tx, { dialect, fleet, coordinator }, entry)
    },
    requireLoggable: (entry) => requireLoggable({ fleet, coordinator }, entry, clock.now()),
    openIntent: (tx, intent) => openIntent({ clock }, tx, { ...intent, coordinator }),
    closeIntent,
    openIntents: (which = {}) =>
      openIntents(database.query, which.all === true ? undefined : coordinator),
    checkpoint: publisher.checkpoint,
    published: publisher.published,
    behind: publisher.behind,
    async head() {
      const { size, root } = await readHead(database.query)
      return { size, root }
    },
    prove: (index, size) => prove(database, publisher, index, size),
    consistency: (from, to) => proveContinued(publisher, from, to),
    entries: (from, to) => entries(database, from, to),
    verify: (signal) => verifyLedger({ database, files, publisher }, { fleet, signal }),
    export: async (target, signal) => {
      const checkpoint = await checkpointToExport(publisher, signal)
      const parts = { query: database.query, random }
      return exportLog(parts, { checkpoint, fleet, folder: target, signal })
    },
    compareCheckpoint: publisher.compareCheckpoint,
    frozen: publisher.frozen,
  }
}

async function verifyLedger(
  parts: { database: Database; files: TileFiles; publisher: CheckpointPublisher },
  { fleet, signal }: { fleet: FleetId; signal: AbortSignal | undefined },
): Promise<VerifyReport> {
  const { database, files, publisher } = parts
  // Every checkpoint replaces the partial tiles. The others never change.
  const { tiles, partial } = await publisher.betweenCheckpoints(async (store) => ({
    tiles: store?.size() ?? 0,
    partial: await store?.partialTiles(),
  }))
  const read: ReadLogFile = async (path) => partial?.get(path) ?? files.read(path)
  const deps = { query: database.query, fleet, read }
  return verifyLog(deps, { tiles, published: publisher.published(), signal })
}

/** Returns the checkpoint to export. A frozen log exports its last one. @throws ledger.empty */
async function checkpointToExport(
  publisher: CheckpointPublisher,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  if (publisher.frozen() === undefined) return newestSigned(publisher, signal)
  const checkpoint = publisher.published()
  if (checkpoint === undefined) throw ledgerError('ledger.empty')
  return checkpoint
}

/**
 * Checks a proof before it is returned. A reader would take an invalid proof for a forged log.
 */
async function prove(
  database: Database,
  publisher: CheckpointPublisher,
  index: number,
  size: number,
): Promise<InclusionProof> {
  const tiles = publisher.tiles()
  if (size > tiles.size())
    throw auditError('audit.range', { what: 'size', got: size, limit: tiles.size() })
  const proof = await proveInclusion(index, size, tiles.nodes)
  const { hash } = await readRow(database.query, index)
  const root = await rootAt(tiles, size)
  checked(index, () => verifyInclusion(proof, hash, root))
  return proof
}

async function proveContinued(
  publisher: CheckpointPublisher,
  from: number,
  to: number,
): Promise<ConsistencyProof> {
  const tiles = publisher.tiles()
  if (to > tiles.size())
    throw auditError('audit.range', { what: 'size', got: to, limit: tiles.size() })
  const proof = await proveConsistency(from, to, tiles.nodes)
  const [before, after] = [await rootAt(tiles, from), await rootAt(tiles, to)]
  checked(null, () => verifyConsistency(proof, before, after))
  return proof
}

async function rootAt(tiles: TileStore, size: number): Promise<Uint8Array> {
  return size === tiles.size() ? tiles.root() : joinSubtrees(await tiles.nodes(subtrees(0, size)))
}

function checked(index: number | null, verify: () => void): void {
  try {
    verify()
  } catch (cause) {
    throw ledgerError(
      'ledger.damaged',
      { index, reason: 'its row and its tiles do not belong together' },
      { cause },
    )
  }
}

async function* entries(
  database: Database,
  from: number,
  to: number | undefined,
): AsyncGenerator<LoggedEntry> {
  const { size } = await readHead(database.query)
  const end = to ?? size
  for (const [what, got] of [
    ['entry', from],
    ['entry', end],
  ] as const)
    if (!Number.isSafeInteger(got) || got < 0 || got > size)
      throw auditError('audit.range', { what, got, limit: size })
  for (let at = from; at < end; at += PAGE)
    for (const { index, bytes } of await readRows(database.query, at, end))
      yield { index, bytes, entry: decodeEntry(bytes, index) }
}
