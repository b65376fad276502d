/** The tiles and the newest checkpoint on this coordinator's disk. */
import { CHECKPOINT_FILE } from '../../shared/audit/bundle-layout.ts'
import { type Checkpoint, openCheckpoint } from '../../shared/audit/checkpoint.ts'
import { joinSubtrees, subtrees } from '../../shared/audit/tree.ts'
import { asError } from '../../shared/as-error.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Database } from '../database/database.ts'
import { requireNotSmaller } from './checkpoints.ts'
import { ledgerError } from './errors.ts'
import { type Head, readHead } from './head.ts'
import type { LogFault } from './log-fault.ts'
import { type EntryRow, readRows } from './rows.ts'
import type { TileFiles } from './tile-files.ts'
import { emptyTileStore, openTileStore, type TileStore } from './tile-store.ts'

export interface LocalLogDeps {
  readonly database: Database
  readonly files: TileFiles
  readonly fleet: FleetId
  readonly fault: LogFault
}

export class LocalLog {
  readonly #deps: LocalLogDeps
  #published: Checkpoint | undefined
  #store: TileStore | undefined

  constructor(deps: LocalLogDeps) {
    this.#deps = deps
  }

  /** The newest checkpoint that this coordinator published. */
  get published(): Checkpoint | undefined {
    return this.#published
  }

  /** Undefined if the log was damaged when it was opened. */
  get store(): TileStore | undefined {
    return this.#store
  }

  /** @throws ledger.frozen */
  tiles(): TileStore {
    this.#deps.fault.requireSound()
    if (this.#store === undefined) throw new Error('the tiles were not opened')
    return this.#store
  }

  /** Reads this coordinator's own checkpoint file. */
  async readPublished(issuers: readonly Uint8Array[]): Promise<Checkpoint | undefined> {
    const note = await this.#deps.files.read(CHECKPOINT_FILE)
    this.#published =
      note && openOwnCheckpoint(Buffer.from(note).toString(), this.#deps.fleet, issuers)
    return this.#published
  }

  /** Opens the tiles of the published checkpoint. */
  async openTiles(): Promise<void> {
    const { files } = this.#deps
    const own = this.#published
    const opened = own === undefined ? emptyTileStore(files) : await openTileStore(files, own)
    this.#store = opened ?? emptyTileStore(files)
    // Tiles are lost or damaged. Build them again from the rows, if the rows still have the signed
    // root.
    if (opened === undefined && own !== undefined)
      await this.#store.extend(own.size, own.root, this.#readRows)
  }

  /** Writes the tiles of the whole log and returns its head. */
  async extend(): Promise<Head> {
    const head = await readHead(this.#deps.database.query)
    requireNotSmaller(head, this.#published, 'this coordinator')
    await this.tiles().extend(head.size, head.root, this.#readRows)
    return head
  }

  /** Returns the root of the first `size` entries. */
  async rootAt(size: number): Promise<Uint8Array> {
    return joinSubtrees(await this.tiles().nodes(subtrees(0, size)))
  }

  async publish(checkpoint: Checkpoint): Promise<Checkpoint> {
    // Crash here: the row is stored and the file is older. The next start extends the tiles from
    // the file's size, and checks the later rows.
    await this.#deps.files.write(CHECKPOINT_FILE, Buffer.from(checkpoint.note))
    this.#published = checkpoint
    await this.tiles().prune()
    return checkpoint
  }

  readonly #readRows = (from: number, to: number): Promise<EntryRow[]> =>
    readRows(this.#deps.database.query, from, to)
}

/**
 * Opens this coordinator's checkpoint file, which is written atomically. If it doesn't open, the
 * disk failed or a program changed it.
 */
function openOwnCheckpoint(
  note: string,
  fleet: FleetId,
  issuers: readonly Uint8Array[],
): Checkpoint {
  try {
    return openCheckpoint(note, { fleet, issuers })
  } catch (cause) {
    const reason = `this coordinator's own checkpoint file: ${asError(cause).message}`
    throw ledgerError('ledger.damaged', { index: null, reason }, { cause })
  }
}
