/** Opens pools in temporary folders, and contains common operations of their tests. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Disk } from '../blobs/disk.ts'
import { type Incoming, openPool, type Pool } from '../blobs/pool.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import { systemRandom } from '../random.ts'

export interface TestPool extends Pool, AsyncDisposable {
  /** The pool's warnings. */
  readonly warnings: string[]
}

/** Opens a pool in a new temporary folder, or a second one on an existing folder. */
export async function testPool(
  options: { folder?: string; disk?: Disk; clock?: Clock; reserveBytes?: number } = {},
): Promise<TestPool> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'muster-pool-')))
  const warnings: string[] = []
  const log = { warn: (_data: object, message: string) => void warnings.push(message) }
  const deps = {
    random: systemRandom,
    clock: options.clock ?? systemClock,
    log,
    ...(options.disk && { disk: options.disk }),
  }
  const pool = await openPool(deps, { folder, reserveBytes: options.reserveBytes ?? 0 })
  return {
    ...pool,
    warnings,
    [Symbol.asyncDispose]: async () => {
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function* inPieces(
  content: Uint8Array,
  pieceBytes = 60_000,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += pieceBytes)
    yield content.subarray(at, at + pieceBytes)
}

export async function contentOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

export async function idsOf(pool: Pool): Promise<BlobId[]> {
  const ids: BlobId[] = []
  for await (const { id } of pool.list()) ids.push(id)
  return ids
}

/** Sends a range of a blob from a pool to another pool's transfer, as a node does. */
export async function send(
  from: Pool,
  to: Incoming,
  range: { start: number; end: number } = { start: 0, end: to.size },
): Promise<void> {
  const sink = to.decoder(range)
  for await (const chunk of from.encode(to.id, range)) await sink.write(chunk)
  sink.end()
  await sink.drained()
}

/** Asserts that each blob's content matches its id. Returns the names of all other files. */
export async function assertSound(
  pool: Pool,
): Promise<{ temporary: string[]; partial: string[]; quarantine: string[] }> {
  for (const id of await idsOf(pool)) assert.equal(await pool.check(id), true, `blob ${id}`)
  const [temporary, partial, quarantine] = await Promise.all(
    ['temporary', 'partial', 'quarantine'].map((name) => readdir(join(pool.folder, name))),
  )
  return {
    temporary: temporary as string[],
    partial: partial as string[],
    quarantine: quarantine as string[],
  }
}
