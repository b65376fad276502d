/**
 * The file of the facts journal. Each line is one record with a checksum, and is durable when
 * `append` resolves. If a crash cut the last line, it is removed when the file is opened. Any other
 * damage is an error.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { blake3Of } from '../../shared/blake3/hash.ts'
import { canonicalJson } from '../../shared/canonical-json.ts'
import type { Json } from '../../shared/canonical-json.ts'
import { syncFolder, writeDurable } from '../../shared/durable-file.ts'
import type { Random } from '../../shared/random.ts'
import { MIB } from '../../shared/units.ts'

/**
 * The journal is smaller than this, even with sets of the largest size. It has at most two sets,
 * the updates before them, and one more set.
 */
export const MAX_JOURNAL_BYTES = 160 * MIB
/** The checksum detects errors of the disk. It does not detect deliberate changes. */
const CHECKSUM_CHARS = 16

/**
 * Opens or creates the file, and returns its records.
 * @throws Error with a reason if a line other than the last one is damaged
 */
export async function openJournalFile(
  deps: { random: Random },
  path: string,
): Promise<{ file: JournalFile; records: Json[] }> {
  const handle = await open(
    path,
    constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
    0o600,
  )
  try {
    const { records, size } = parseRecords(await readAll(handle))
    await handle.truncate(size)
    await handle.sync()
    await syncFolder(dirname(path))
    // Crash up to here: the file is unchanged, or the cut line is removed.
    return { file: new JournalFile(deps.random, path, { handle, size }), records }
  } catch (error) {
    await handle.close()
    throw error
  }
}

export class JournalFile {
  readonly #random: Random
  readonly #path: string
  #handle: FileHandle
  #size: number
  /** The error that each call throws until the file is opened again. */
  #broken: unknown
  /** True if the path may name another file than the handle. Writes to the handle would be lost. */
  #isReplaced = false

  constructor(random: Random, path: string, opened: { handle: FileHandle; size: number }) {
    this.#random = random
    this.#path = path
    this.#handle = opened.handle
    this.#size = opened.size
  }

  /** Bytes of the complete records in the file. */
  get size(): number {
    return this.#size
  }

  /**
   * Appends a record, which is durable when this resolves. If it throws, the record isn't in the
   * file, or every later call throws until the file is opened again.
   */
  async append(record: Json): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    await this.#followPath()
    const line = encodeLine(record)
    try {
      await writeAll(this.#handle, line, this.#size)
      await this.#handle.datasync()
    } catch (error) {
      // It is unknown whether the line is on the disk. After the truncation, the file has only
      // complete records.
      await this.#handle.truncate(this.#size).catch((second: unknown) => {
        this.#broken = second
      })
      throw error
    }
    // Crash before the datasync: the line is complete, cut or missing. It was not reported yet, and
    // the next collection finds the same change again.
    this.#size += line.length
  }

  /** Replaces all records atomically and durably. */
  async replace(records: readonly Json[]): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    await this.#followPath()
    const bytes = Buffer.concat(records.map(encodeLine))
    // If this call fails, the file may be replaced already.
    this.#isReplaced = true
    await writeDurable({ random: this.#random }, this.#path, bytes)
    // Crash here: the new file is in place and has the same state.
    await this.#followPath()
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** Opens the file that the path names now, if it may be another one. */
  async #followPath(): Promise<void> {
    if (!this.#isReplaced) return
    const next = await open(this.#path, constants.O_RDWR | constants.O_NOFOLLOW)
    try {
      // The name must be durable before an appended record is reported.
      await syncFolder(dirname(this.#path))
      const { size } = await next.stat()
      await this.#handle.close()
      this.#handle = next
      this.#size = size
      this.#isReplaced = false
    } catch (error) {
      await next.close()
      throw error
    }
  }
}

function encodeLine(record: Json): Buffer {
  const text = Buffer.from(canonicalJson(record))
  return Buffer.concat([Buffer.from(`${checksum(text)} `), text, Buffer.from('\n')])
}

function checksum(bytes: Uint8Array): string {
  return blake3Of(bytes).slice(0, CHECKSUM_CHARS)
}

/** Returns the records and their number of bytes. Bytes after them are a cut line. */
function parseRecords(bytes: Buffer): { records: Json[]; size: number } {
  const records: Json[] = []
  let start = 0
  for (let end = bytes.indexOf(10, start); end !== -1; end = bytes.indexOf(10, start)) {
    const text = bytes.subarray(start + CHECKSUM_CHARS + 1, end)
    const isGood =
      bytes.toString('latin1', start, start + CHECKSUM_CHARS + 1) === `${checksum(text)} `
    // After a crash, the end of the last line can be on the disk while its middle is missing.
    if (!isGood && end === bytes.length - 1) break
    if (!isGood) throw new Error(`the record at byte ${start} is damaged`)
    records.push(JSON.parse(text.toString('utf8')))
    start = end + 1
  }
  return { records, size: start }
}

async function readAll(handle: FileHandle): Promise<Buffer> {
  const { size } = await handle.stat()
  if (size > MAX_JOURNAL_BYTES)
    throw new Error(`it has ${size} bytes, at most ${MAX_JOURNAL_BYTES} are read`)
  const bytes = Buffer.alloc(size)
  let at = 0
  while (at < size) {
    const { bytesRead } = await handle.read(bytes, at, size - at, at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let at = 0
  while (at < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}
