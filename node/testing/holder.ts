/**
 * Nodes with pools for tests of transfers. A test can make a provider misbehave in one way. The
 * tracker's protocol is not used, because `find` returns a fixed list.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Disk } from '../../shared/blobs/disk.ts'
import { type Pool, openPool } from '../../shared/blobs/pool.ts'
import { systemClock } from '../../shared/clock.ts'
import type { BlobId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { blobs } from '../../protocols/blobs/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { createNodePolicy } from '../membership/policy.ts'
import { type FetchOptions, fetchBlob } from '../transfer/fetch.ts'
import { blobHandlers } from '../transfer/serve.ts'
import type { ProviderHint } from '../transfer/source.ts'
import { type TestFleet, type TestNode, addressOf } from './fleet.ts'

export interface Holder {
  readonly node: TestNode
  readonly pool: Pool
  /** The data with which another node's fetch finds this node. */
  readonly hint: ProviderHint
  fetch(
    id: BlobId,
    providers: readonly ProviderHint[],
    options?: Partial<FetchOptions>,
  ): Promise<{ size: number }>
}

export async function temporaryPool(t: TestContext, disk?: Disk): Promise<Pool> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-pool-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return openPool(
    { clock: systemClock, random: systemRandom, ...(disk && { disk }) },
    { folder: join(folder, 'pool') },
  )
}

/**
 * Starts a member that serves its pool. `distort` replaces parts of how it serves. `disk` is the
 * disk of its pool.
 */
export async function holder(
  t: TestContext,
  fleet: TestFleet,
  name: string,
  distort: (honest: Handlers<typeof blobs>) => Partial<Handlers<typeof blobs>> = () => ({}),
  disk?: Disk,
): Promise<Holder> {
  const pool = await temporaryPool(t, disk)
  const node = await fleet.node(t, { role: 'agent', name })
  const honest = blobHandlers(pool)
  const serving = { clock: systemClock, log: node.log, policy: createNodePolicy() }
  await node.handle(blobs, serveProtocol(blobs, { ...honest, ...distort(honest) }, serving))
  return {
    node,
    pool,
    hint: { peer: node.peerId, addresses: [addressOf(node)] },
    fetch: (id, providers, options = {}) =>
      fetchBlob(
        { node, pool, clock: systemClock, log: node.log, find: async () => ({ providers }) },
        id,
        {
          signal: new AbortController().signal,
          ...options,
        },
      ),
  }
}

/** Adds random content of this size to the pool. */
export async function addContent(
  pool: Pool,
  size: number,
): Promise<{ id: BlobId; content: Buffer }> {
  const content = Buffer.from(systemRandom.bytes(size))
  return { id: await putContent(pool, content), content }
}

export async function putContent(pool: Pool, content: Uint8Array): Promise<BlobId> {
  const source = async function* (): AsyncGenerator<Uint8Array> {
    yield content
  }
  return (await pool.ingest(source(), { maxBytes: content.length })).id
}

export async function contentOf(pool: Pool, id: BlobId): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(pool.read(id)))
}
