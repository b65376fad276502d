/**
 * The content-addressed pool: blobs under `<folder>/blobs/ab/<id>`, read-only, each with its BLAKE3
 * outboard. A file with its final name is whole, verified and synced. A failure or crash before
 * that leaves the pool intact. Several processes may ingest at once.
 */
import type { BigIntStats } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ByteRange } from '../blake3/geometry.ts'
import type { Clock } from '../clock.ts'
import { type BlobId, blobId } from '../ids.ts'
import type { Random } from '../random.ts'
import { MIB } from '../units.ts'
import { checkBlob, type Soundness, verifyBlob } from './check.ts'
import { type Disk, guard, systemDisk } from './disk.ts'
import { blobError } from './errors.ts'
import type { Incoming } from './incoming.ts'
import { type Ingested, type IngestOptions, ingest, ingestFile } from './ingest.ts'
import { blobsIn } from './inspect.ts'
import { openLayout, statIfAny } from './layout.ts'
import { linkBlob, removeFolder } from './links.ts'
import { createReceiver, type PartialProgress } from './receiver.ts'
import { requireInside } from './range.ts'
import { serve } from './serve.ts'
import { openBlob, type PoolLog, type Store } from './store.ts'
import { exactStat, openVerified } from './verified.ts'

export type { ByteRange } from '../blake3/geometry.ts'
export type { Soundness } from './check.ts'
export type { Incoming } from './incoming.ts'
export type { Ingested, IngestOptions } from './ingest.ts'
export type { PartialProgress } from './receiver.ts'
export type { RangeSink } from './sink.ts'

export interface Pool {
  /** The pool's folder, with links resolved. */
  readonly folder: string
  /**
   * Ingests content. If the blob exists, checks the pool's copy and replaces a damaged one. Throws
   * blob.too-large, blob.mismatch, blob.no-space, blob.disk, blob.suspect, the source's error, or
   * the signal's reason. Then no part of the content stays.
   */
  ingest(content: AsyncIterable<Uint8Array>, options: IngestOptions): Promise<Ingested>
  /** Ingests a regular file in the same way. Also throws blob.not-a-file. */
  ingestFile(path: string, options: IngestOptions): Promise<Ingested>
  /** Returns the size in bytes. Undefined if the pool doesn't have the whole blob. */
  stat(id: BlobId): Promise<{ size: number } | undefined>
  /** Returns the path of the blob's file. Callers must only read it. */
  path(id: BlobId): string
  /** Makes `to` a hard link to the blob's file, which stays verified. Throws system errors. */
  link(id: BlobId, to: string): Promise<void>
  /**
   * Removes a folder that may contain hard links made by {@link Pool.link}; the blobs stay
   * verified. Does nothing if the folder is absent.
   */
  removeFolder(folder: string): Promise<void>
  /**
   * Reads the content, or its bytes `start` to `end`, in unverified pieces of up to 1 MiB. Throws
   * blob.unknown, blob.range.
   */
  read(id: BlobId, range?: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * Returns the verified bao encoding of the groups (16 KiB each) with bytes of the range, in
   * buffers of up to 1 MiB that belong to the caller. If the blob is partial, only its verified
   * groups are available. Throws blob.unknown, blob.range, blob.unverified, blob.damaged.
   */
  encode(id: BlobId, range: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * Begins, joins or resumes the transfer of a blob with a claimed size. A resumption hashes the
   * partial blob first. Each handle must be finished or aborted, and the signal has no effect on
   * it. Throws blob.size if the claim contradicts a known size, blob.too-large, blob.no-space,
   * blob.suspect, or the signal's reason.
   */
  receive(id: BlobId, size: number, signal?: AbortSignal): Promise<Incoming>
  /**
   * Returns the verified ranges of a partial blob, which can be encoded. Undefined if the blob is
   * absent or whole.
   */
  partial(id: BlobId): Promise<PartialProgress | undefined>
  /** Lists all whole blobs in the order of their ids, starting after `after`. */
  list(after?: BlobId): AsyncIterable<{ id: BlobId; size: number }>
  /** Lists all names of blobs in any order, also of files that aren't valid blobs. */
  ids(): Promise<BlobId[]>
  /**
   * Returns the size of a blob's file, and whether the file is unchanged since it was verified.
   * Undefined if it doesn't exist.
   */
  look(id: BlobId): Promise<{ size: number; known: boolean } | undefined>
  /**
   * Hashes the whole content again. Returns false if it was damaged and is in quarantine now.
   * Throws blob.unknown.
   */
  check(id: BlobId, signal?: AbortSignal): Promise<boolean>
  /**
   * Checks the content against the id. It is hashed only if its file changed since the last hash.
   * Damaged content is quarantined.
   */
  verify(id: BlobId, signal?: AbortSignal): Promise<Soundness>
  /**
   * Returns whether a file with these attributes is the blob's file or a hard link to it, and is
   * known to be undamaged.
   */
  holds(id: BlobId, stats: BigIntStats): boolean
  /**
   * Returns the time when the blob was last hashed and undamaged, in milliseconds since the epoch.
   * Undefined if unknown.
   */
  verifiedAt(id: BlobId): number | undefined
  /**
   * The number of damaged files that this process has quarantined. Hard links to them may be
   * published.
   */
  damaged(): number
  /** Waits until the record of verified files is synced. */
  flush(): Promise<void>
  /** Removes a blob and its partial copies, durably. Does nothing if there are none. */
  remove(id: BlobId): Promise<void>
}

export interface PoolOptions {
  /** The pool's folder, created if absent. */
  readonly folder: string
  /** The bytes of the volume that must stay free. Default: 0. */
  readonly reserveBytes?: number
}

export interface PoolDeps {
  readonly random: Random
  readonly clock: Clock
  /** Receives warnings about damage that was found and repaired. */
  readonly log?: PoolLog
  /** Default: the real one. */
  readonly disk?: Disk
}

/**
 * Opens a pool, and removes old files of interrupted processes. Throws blob.folder if other users
 * could change the pool.
 */
export async function openPool(deps: PoolDeps, options: PoolOptions): Promise<Pool> {
  const store = await openStore(deps, options)
  const { layout, verified } = store
  const receiver = createReceiver(store)
  return {
    folder: layout.folder,
    ingest: (content, ingestOptions) => ingest(store, content, ingestOptions),
    ingestFile: (path, ingestOptions) => ingestFile(store, path, ingestOptions),
    stat: async (id) => {
      const stat = await statIfAny(layout.blob(id))
      return stat?.isFile() === true ? { size: stat.size } : undefined
    },
    path: (id) => layout.blob(id),
    link: (id, to) => linkBlob(store, id, to),
    removeFolder: (folder) => removeFolder(store, folder),
    read: (id, range, signal) => read(store, id, range, signal),
    encode: (id, range, signal) => serve(store, receiver, blobId.parse(id), range, signal),
    receive: (id, size, signal) => receiver.receive(id, size, signal),
    partial: (id) => receiver.partial(id),
    list: (after) => list(store, after),
    ids: async () => (await blobsIn(layout.blobs)) ?? [],
    look: async (id) => {
      const stats = await exactStat(layout.blob(id))
      return stats && { size: Number(stats.size), known: verified.holds(id, stats) }
    },
    check: (id, signal) => checkBlob(store, id, signal),
    verify: (id, signal) => verifyBlob(store, id, signal),
    holds: (id, stats) => verified.holds(id, stats),
    verifiedAt: (id) => verified.verifiedAt(id),
    damaged: () => store.found.damaged,
    flush: () => verified.flush(),
    remove: (id) => remove(store, receiver, id),
  }
}

async function openStore(
  { random, clock, log = { warn: () => undefined }, ...deps }: PoolDeps,
  { folder, reserveBytes = 0 }: PoolOptions,
): Promise<Store> {
  const disk = guard(deps.disk ?? systemDisk, folder)
  const layout = await openLayout({ disk, clock }, folder)
  const warn = (error: unknown): void =>
    log.warn({ error: String(error) }, 'the record of verified blobs is not usable')
  const verified = await openVerified({ random, now: () => clock.now(), warn }, layout.folder)
  return { layout, disk, random, clock, log, reserveBytes, found: { damaged: 0 }, verified }
}

const READ_BYTES = MIB

async function* read(
  store: Store,
  id: BlobId,
  range?: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted()
  const { file, size } = await openBlob(store.layout.blob(id), id)
  try {
    const { start, end } = range ?? { start: 0, end: size }
    requireInside({ start, end }, size)
    for (let position = start; position < end; ) {
      signal?.throwIfAborted()
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0)
        throw blobError('blob.damaged', {
          id,
          reason: `its file ends at byte ${position}, before byte ${end}`,
        })
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

async function* list(store: Store, after?: BlobId): AsyncGenerator<{ id: BlobId; size: number }> {
  const { blobs } = store.layout
  const first = after === undefined ? '' : blobId.parse(after)
  for (const shard of (await readdir(blobs)).sort()) {
    if (shard < first.slice(0, 2)) continue
    for (const name of (await readdir(join(blobs, shard))).sort()) {
      if (name <= first || !blobId.is(name)) continue
      const stat = await statIfAny(join(blobs, shard, name))
      if (stat?.isFile() === true) yield { id: name, size: stat.size }
    }
  }
}

async function remove(
  store: Store,
  receiver: ReturnType<typeof createReceiver>,
  id: BlobId,
): Promise<void> {
  const { disk, layout } = store
  await receiver.forget(blobId.parse(id))
  const there = [await statIfAny(layout.blob(id)), await statIfAny(layout.outboard(id))]
  if (there.every((stat) => stat === undefined)) return
  store.verified.forget(id)
  await disk.remove(layout.blob(id))
  // Crash here: after a power loss, the blob may still be whole, or only its outboard is left. A
  // second removal removes both.
  await disk.remove(layout.outboard(id))
  await disk.syncFolder(await layout.shard(id))
}
