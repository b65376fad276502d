/**
 * Records which files of a pool were hashed and undamaged, with their attributes at that time. A
 * file with any other attribute is hashed again. After the loss of a record, the file is hashed
 * once more.
 */
import type { BigIntStats } from 'node:fs'
import { constants, lstat, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { writeDurable } from '../durable-file.ts'
import { type BlobId, blobId } from '../ids.ts'
import type { Random } from '../random.ts'
import { MIB } from '../units.ts'
import { errno } from '../errno.ts'

export interface Verified {
  /** Returns whether a file with exactly these attributes is known to contain the blob. */
  holds(id: BlobId, stats: BigIntStats): boolean
  /**
   * Records that the file was hashed and is undamaged. `since` is the time when hashing began. It
   * is undefined if this process wrote the file.
   */
  note(id: BlobId, stats: BigIntStats, since?: number): void
  /**
   * Records that Muster added (1) or removed (-1) one hard link, which changes the change time. The
   * record is updated only if the file was known before and no other attribute changed.
   */
  relinked(id: BlobId, before: BigIntStats, after: BigIntStats | undefined, links: 1 | -1): void
  /** Returns the blobs whose records have these inodes, by inode. */
  byInode(inodes: ReadonlySet<string>): Promise<Map<string, BlobId>>
  forget(id: BlobId): void
  /**
   * Returns the time when the blob was last hashed and undamaged, in milliseconds since the epoch.
   */
  verifiedAt(id: BlobId): number | undefined
  /**
   * Waits until all records are on the disk. Never rejects, because a lost record only causes one
   * more hash.
   */
  flush(): Promise<void>
}

interface Record {
  readonly mark: string
  readonly at: number
}

/** The name of the file in the pool's folder. */
const FILE = 'verified'
/** The size of more than a million records of about 170 bytes. A larger file is not read. */
const MAX_FILE_BYTES = 256 * MIB
/** The number of outdated lines after which the file is rewritten. */
const MAX_SURPLUS = 20_000
const READ_BYTES = MIB
/** The number of records that are searched without a pause. This takes about 1 ms. */
const RECORDS_AT_ONCE = 10_000
/**
 * A file that was changed this shortly before its hash may change again with the same times. The
 * file times of Linux step every 1 to 10 ms, and some file systems store whole seconds.
 */
const TICK_MS = 50
const WHOLE_SECONDS_MS = 2_000

/** Formats the attributes of a file as one text. */
export function markOf({ ino, size, mtimeNs, ctimeNs, nlink }: BigIntStats): string {
  return `${ino}.${size}.${mtimeNs}.${ctimeNs}.${nlink}`
}

/**
 * Returns whether one link more or less explains the difference between two stat calls,
 * microseconds apart. A write with restored times between the calls can't be detected.
 */
function isRelinked(before: BigIntStats, after: BigIntStats, links: 1 | -1): boolean {
  return (
    after.ino === before.ino &&
    after.size === before.size &&
    after.mtimeNs === before.mtimeNs &&
    after.ctimeNs >= before.ctimeNs &&
    after.nlink === before.nlink + BigInt(links)
  )
}

/**
 * Returns whether a file's times are old enough at `since`, so that every later change gives other
 * times.
 */
export function isSettled({ mtimeNs, ctimeNs }: BigIntStats, since: number): boolean {
  const newest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs
  const tick = newest % 1_000_000_000n === 0n ? WHOLE_SECONDS_MS : TICK_MS
  return Number(newest / 1_000_000n) < since - tick
}

/** Returns lstat with times in nanoseconds. Undefined if the path doesn't exist. */
export async function exactStat(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined
    throw error
  }
}

export interface VerifiedDeps {
  readonly random: Random
  readonly now: () => number
  readonly warn: (error: unknown) => void
}

/** Reads the records of a pool's folder. If `readOnly` is set, nothing is written. */
export async function openVerified(
  deps: VerifiedDeps,
  folder: string,
  options: { readOnly?: boolean } = {},
): Promise<Verified> {
  const path = join(folder, FILE)
  const records = new Map<BlobId, Record>()
  const lines = await load(path, records).catch((error: unknown) => {
    deps.warn(error)
    return 0
  })
  const isReadOnly = options.readOnly === true
  const writer = isReadOnly ? undefined : new RecordWriter(deps, path, records, lines)
  if (!isReadOnly) await create(path).catch(deps.warn)

  return {
    holds: (id, stats) => stats.isFile() && records.get(id)?.mark === markOf(stats),
    note(id, stats, since) {
      if (since !== undefined && !isSettled(stats, since)) return
      records.set(id, { mark: markOf(stats), at: deps.now() })
      writer?.write(id)
    },
    relinked(id, before, after, links) {
      const known = records.get(id)
      if (after === undefined || known?.mark !== markOf(before)) return
      if (!isRelinked(before, after, links)) return
      records.set(id, { mark: markOf(after), at: known.at })
      // Crash before this is on the disk: the old record doesn't match the file, and the file is
      // hashed once more.
      writer?.write(id)
    },
    byInode: (inodes) => byInode(records, inodes),
    forget: (id) => void records.delete(id),
    verifiedAt: (id) => records.get(id)?.at,
    flush: async () => writer?.flush(),
  }
}

/** Appends records to the file in the background, and rewrites the file when it becomes long. */
class RecordWriter {
  readonly #deps: VerifiedDeps
  readonly #path: string
  readonly #records: ReadonlyMap<BlobId, Record>
  #lines: number
  /** The ids whose records are not in the file yet. */
  #pending = new Set<BlobId>()
  #writing: Promise<void> | undefined
  #failed = false

  constructor(
    deps: VerifiedDeps,
    path: string,
    records: ReadonlyMap<BlobId, Record>,
    lines: number,
  ) {
    this.#deps = deps
    this.#path = path
    this.#records = records
    this.#lines = lines
  }

  write(id: BlobId): void {
    if (this.#failed) return
    this.#pending.add(id)
    this.#writing ??= Promise.resolve()
      .then(() => this.#writePending())
      .finally(() => {
        this.#writing = undefined
      })
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    if (!this.#failed) await syncFile(this.#path).catch(this.#deps.warn)
  }

  async #writePending(): Promise<void> {
    while (this.#pending.size > 0 && !this.#failed) {
      const batch = this.#pending
      this.#pending = new Set()
      try {
        await this.#append(batch)
      } catch (error) {
        // A missing folder means that the pool was removed. Other errors are logged once, and after
        // the next start the files are hashed again.
        this.#failed = true
        if (errno(error) !== 'ENOENT') this.#deps.warn(error)
      }
    }
    this.#pending.clear()
  }

  async #append(batch: ReadonlySet<BlobId>): Promise<void> {
    const records = this.#records
    // Several processes may append, so each write is one piece after the existing lines.
    await appendTo(this.#path, [...batch].map((id) => lineOf(id, records.get(id))).join(''))
    this.#lines += batch.size
    if (this.#lines <= records.size * 2 + MAX_SURPLUS) return
    const all = [...records].map(([id, record]) => lineOf(id, record)).join('')
    await writeDurable(this.#deps, this.#path, all)
    // Crash before this: the file is longer and has the same records.
    this.#lines = records.size
  }
}

async function byInode(
  records: ReadonlyMap<BlobId, Record>,
  inodes: ReadonlySet<string>,
): Promise<Map<string, BlobId>> {
  const found = new Map<string, BlobId>()
  let looked = 0
  for (const [id, { mark }] of inodes.size === 0 ? [] : records) {
    const inode = mark.slice(0, mark.indexOf('.'))
    if (inodes.has(inode)) found.set(inode, id)
    if (++looked % RECORDS_AT_ONCE === 0) await setImmediate()
  }
  return found
}

/** Fills `records` from the file. Returns the number of lines in it, including damaged ones. */
async function load(path: string, records: Map<BlobId, Record>): Promise<number> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    (error: unknown) => {
      if (errno(error) === 'ENOENT') return undefined
      throw error
    },
  )
  if (file === undefined) return 0
  let lines = 0
  try {
    if ((await file.stat()).size > MAX_FILE_BYTES) return Number.MAX_SAFE_INTEGER
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (let rest = '', position = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position)
      if (bytesRead === 0) return lines
      position += bytesRead
      const parts = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts) {
        lines += 1
        read(line, records)
      }
    }
  } finally {
    await file.close()
  }
}

/** Ignores lines that a crash truncated, or whose checksum is wrong. */
function read(line: string, records: Map<BlobId, Record>): void {
  const [id = '', at = '', mark = '', sum] = line.split(' ')
  if (!blobId.is(id) || sum !== checksum(`${id} ${at} ${mark}`)) return
  records.set(id, { mark, at: Number(at) })
}

function lineOf(id: BlobId, record: Record | undefined): string {
  if (record === undefined) return ''
  const text = `${id} ${record.at} ${record.mark}`
  return `${text} ${checksum(text)}\n`
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

async function create(path: string): Promise<void> {
  const file = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW,
    0o600,
  )
  await file.close()
}

async function appendTo(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}
