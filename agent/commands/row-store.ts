/**
 * The rows of the journal of intents. Each is a durable file with a copy in memory. If the disk
 * fails, an outcome stays in memory and is written together with the next row.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { defined } from '../../shared/defined.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { type OperationId, operationId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import { storageError, storageFailure, storing } from '../../shared/storage/storage-error.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { fromText, toText } from '../../shared/trust/transport.ts'
import { commandError } from './errors.ts'

export interface Row {
  /** SHA-256 of the intent's statement. */
  readonly digest: string
  readonly acceptedAt: number
  readonly expiresAt: number
  readonly outcome?: Signed
}

/** The name of the files in errors about the disk. */
const WHAT = 'the record of intents'
/**
 * The file with the newest expiry of removed rows. The name is not an operation id, so it cannot be
 * the file of a row.
 */
const MARK = 'forgotten.json'

const rowFile = z.object({
  digest: z.string(),
  acceptedAt: z.number(),
  expiresAt: z.number(),
  outcome: z.unknown().optional(),
})
const markFile = z.object({ until: z.number() })

export class RowStore {
  readonly #random: Random
  readonly #folder: string
  /** The rows in the files. A row changes here after its file has changed. */
  readonly #rows = new Map<OperationId, Row>()
  /** Operations whose newest row is only in memory. */
  readonly #unwritten = new Set<OperationId>()
  #forgotten = Number.NEGATIVE_INFINITY

  private constructor(random: Random, folder: string) {
    this.#random = random
    this.#folder = folder
  }

  /** @throws command.journal-damaged, storage.* */
  static async open(deps: { random: Random }, folder: string): Promise<RowStore> {
    await storing({ what: WHAT, path: folder }, () =>
      mkdir(folder, { recursive: true, mode: 0o700 }),
    )
    const store = new RowStore(deps.random, folder)
    const names = await storing({ what: WHAT, path: folder, action: 'read' }, () => readdir(folder))
    for (const name of names) await store.#load(name)
    return store
  }

  get size(): number {
    return this.#rows.size
  }

  /** All removed rows expired at this time or earlier. The time only increases. */
  get forgotten(): number {
    return this.#forgotten
  }

  get(operation: OperationId): Row | undefined {
    return this.#rows.get(operation)
  }

  entries(): (readonly [OperationId, Row])[] {
    return [...this.#rows]
  }

  async write(operation: OperationId, row: Row): Promise<void> {
    const path = this.#path(operation)
    const { outcome, ...rest } = row
    const file = defined({ ...rest, outcome: outcome && toText(outcome) })
    await storing({ what: WHAT, path }, () =>
      writeDurable({ random: this.#random }, path, JSON.stringify(file)),
    )
    this.#rows.set(operation, row)
    this.#unwritten.delete(operation)
  }

  /** Does the same as {@link write}, but keeps the row in memory if the disk fails. */
  async keep(operation: OperationId, row: Row): Promise<void> {
    try {
      await this.write(operation, row)
      await this.#writeUnwritten()
    } catch (error) {
      if (!storageError.is(error)) throw error
      // Crash now: the outcome is lost. For an accepted intent, the agent asks the runner. A
      // refused intent was not carried out, and expires within minutes.
      if (this.#rows.get(operation) !== row) this.#unwritten.add(operation)
      this.#rows.set(operation, row)
    }
  }

  /** Writes the rows that are only in memory. If the disk still fails, they stay there. */
  async catchUp(): Promise<void> {
    await this.#writeUnwritten().catch((error: unknown) => {
      if (!storageError.is(error)) throw error
    })
  }

  /** Removes the rows. Before that, it makes durable that such rows may have existed. */
  async remove(rows: ReadonlyMap<OperationId, Row>): Promise<void> {
    const until = Math.max(this.#forgotten, ...[...rows.values()].map((row) => row.expiresAt))
    if (until > this.#forgotten) await this.#writeMark(until)
    // Crash here: some rows still exist, although they count as removed. find() finds them first.
    for (const operation of rows.keys()) {
      await rm(this.#path(operation), { force: true })
      this.#rows.delete(operation)
      this.#unwritten.delete(operation)
    }
  }

  async #load(name: string): Promise<void> {
    const path = join(this.#folder, name)
    if (name === MARK) {
      this.#forgotten = await readJson(path, (value) => markFile.parse(value).until)
      return
    }
    const id = name.endsWith('.json') ? name.slice(0, -5) : ''
    if (operationId.is(id)) this.#rows.set(id, await readJson(path, parseRow))
    // A crash interrupted a write and left this temporary file.
    else await rm(path, { force: true })
  }

  async #writeUnwritten(): Promise<void> {
    for (const operation of this.#unwritten) {
      const row = this.#rows.get(operation)
      if (row !== undefined) await this.write(operation, row)
    }
  }

  async #writeMark(until: number): Promise<void> {
    const path = join(this.#folder, MARK)
    await storing({ what: WHAT, path }, () =>
      writeDurable({ random: this.#random }, path, JSON.stringify({ until })),
    )
    this.#forgotten = until
  }

  #path(operation: OperationId): string {
    return join(this.#folder, `${operation}.json`)
  }
}

export const digestOf = (intent: Signed): string =>
  createHash('sha256').update(intent.statement).digest('hex')

function parseRow(value: unknown): Row {
  const { outcome, ...row } = rowFile.parse(value)
  return defined({ ...row, outcome: outcome === undefined ? undefined : fromText(outcome) })
}

async function readJson<T>(path: string, parse: (value: unknown) => T): Promise<T> {
  try {
    return parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    const failure = storageFailure(cause, { what: WHAT, path, action: 'read' })
    // An error of the disk does not show that the file is damaged.
    if (storageError.is(failure)) throw failure
    throw commandError('command.journal-damaged', { path }, { cause })
  }
}
