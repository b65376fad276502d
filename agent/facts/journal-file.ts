/**
 * The file under the facts journal: one record a line, each with a checksum, appended and fsynced
 * before anybody hears of it. A line that a crash cut short is dropped when the file is opened
 * again, since nobody was told of it; damage anywhere else is an error.
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

export interface JournalFile {
  /** Bytes of the whole records in the file. */
  readonly size: number
  /**
   * Durable once it resolves. If it throws, the record isn't in the file, or the file refuses
   * everything until it is opened again.
   */
  append(record: Json): Promise<void>
  /** Replaces all records by these, durably and at once. */
  replace(records: readonly Json[]): Promise<void>
  close(): Promise<void>
}

/**
 * More than the journal lets it become with sets of the largest size: twice a set and the updates
 * before it, and one set more.
 */
export const MAX_JOURNAL_BYTES = 160 * MIB
/** Of the checksum, which guards against disks, not against people. */
const CHECKSUM_CHARS = 16

/**
 * Opens the file, makes it if it is absent, and hands over its records.
 * @throws Error in words if it is damaged other than by a cut last line
 */
export async function openJournalFile(
  deps: { random: Random },
  path: string,
): Promise<{ file: JournalFile; records: Json[] }> {
  let handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    const { records, size } = parseRecords(await readAll(handle))
    await handle.truncate(size)
    await handle.sync()
    await syncFolder(dirname(path))
    // Crash up to here: the file is as it was, or without the line that was cut.
    return { file: journalFile(size), records }
  } catch (error) {
    await handle.close()
    throw error
  }

  function journalFile(initialSize: number): JournalFile {
    let size = initialSize
    let broken: unknown
    /** True while the path may name another file than `handle`: what is written to that is lost. */
    let unnamed = false
    /** Makes the file under the path, whichever it is now, the one that is written. */
    const follow = async (): Promise<void> => {
      if (!unnamed) return
      const next = await open(path, constants.O_RDWR | constants.O_NOFOLLOW)
      try {
        // Its name must survive a crash before anything that is appended to it is acknowledged.
        await syncFolder(dirname(path))
        const { size: nextSize } = await next.stat()
        await handle.close()
        handle = next
        size = nextSize
        unnamed = false
      } catch (error) {
        await next.close()
        throw error
      }
    }
    return {
      get size() {
        return size
      },
      append: async (record) => {
        if (broken !== undefined) throw broken
        await follow()
        const line = encodeLine(record)
        try {
          await writeAll(handle, line, size)
          await handle.datasync()
        } catch (error) {
          // Whether the line is on the disk is unknown. Without it the file is whole again; if even
          // that fails, only reading it anew tells.
          await handle.truncate(size).catch((second: unknown) => {
            broken = second
          })
          throw error
        }
        // Crash before the datasync: the line is whole, cut or missing. Nobody was told; the next
        // collection finds the same change again.
        size += line.length
      },
      replace: async (records) => {
        if (broken !== undefined) throw broken
        await follow()
        const bytes = Buffer.concat(records.map(encodeLine))
        try {
          await writeDurable(deps, path, bytes)
        } catch (error) {
          // It may have failed after its rename: then this file has lost its name.
          unnamed = true
          throw error
        }
        // Crash here: the new file is in place and says the same.
        unnamed = true
        await follow()
      },
      close: () => handle.close(),
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

/** The records, and how many bytes they take; what follows is a line that was cut. */
function parseRecords(bytes: Buffer): { records: Json[]; size: number } {
  const records: Json[] = []
  let start = 0
  for (let end = bytes.indexOf(10, start); end !== -1; end = bytes.indexOf(10, start)) {
    const text = bytes.subarray(start + CHECKSUM_CHARS + 1, end)
    const isGood =
      bytes.toString('latin1', start, start + CHECKSUM_CHARS + 1) === `${checksum(text)} `
    // A last line may have its end on the disk and not its middle.
    if (!isGood && end === bytes.length - 1) break
    if (!isGood) throw new Error(`the record at byte ${start} is damaged`)
    records.push(JSON.parse(text.toString('utf8')) as Json)
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
