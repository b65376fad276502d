/** The node's side of `/muster/local/1`, on the node's own socket. */
import type { Handlers, ResponseOf } from '../../protocols/rpc/define-protocol.ts'
import type { localProtocol } from '../../protocols/local/protocol.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import { defined } from '../../shared/defined.ts'
import { blobId } from '../../shared/ids.ts'
import { VERSION } from '../../shared/version.ts'
import type { Content } from './content.ts'
import type { PoolCheck } from './pool-check.ts'

export interface LocalInfo {
  readonly role: 'coordinator' | 'agent'
  readonly name: string
  readonly peerId: string
  readonly gateway: string | null
  /** Returns the connected coordinator of an agent. Absent on a coordinator. */
  readonly coordinator?: () => string | undefined
  /** Returns the repositories that the gateway serves. */
  readonly repositories: (
    signal: AbortSignal,
  ) => Promise<{ id: string; type?: string | undefined; gpgkey: string | null }[]>
  /** Collects and sends this host's packages. Absent on a coordinator. */
  readonly reportFacts?: (
    options: { accept: readonly string[] },
    signal: AbortSignal,
  ) => Promise<ResponseOf<(typeof localProtocol)['methods']['facts.report']>>
}

/** The size of the largest blob that a person can add. It is larger than any image. */
const MAX_BLOB_BYTES = 1024 ** 4

export function localHandlers(
  deps: { content: Content; pool: Pool; checkPool: PoolCheck },
  info: LocalInfo,
): Handlers<typeof localProtocol> {
  const { content, pool } = deps
  return {
    info: async () => ({
      role: info.role,
      name: info.name,
      peerId: info.peerId,
      version: VERSION,
      gateway: info.gateway,
      ...defined({ coordinator: info.coordinator && (info.coordinator() ?? null) }),
    }),
    repositories: async (_request, { signal }) => ({
      repositories: await info.repositories(signal),
    }),
    'facts.report': async ({ accept = [] }, { signal }) => {
      if (info.reportFacts === undefined)
        throw wireError('protocol.unsupported', { what: 'facts of a coordinator' })
      return info.reportFacts({ accept }, signal)
    },
    'blob.add': async (_request, { upload, signal }) => {
      const stored = await pool.ingest(upload, { maxBytes: MAX_BLOB_BYTES, signal })
      content.added(stored.id, stored.size)
      return { blob: stored.id, size: stored.size, existed: stored.existed }
    },
    'blob.get': async ({ blob, range }, { send, progress, signal }) => {
      const opened = await content.open(blobId.parse(blob), signal)
      await progress({ size: opened.size, done: opened.size })
      for await (const piece of opened.read(range, signal)) await send(piece)
      return { size: opened.size }
    },
    'pool.check': ({ deep }, { progress, signal }) => deps.checkPool({ deep, progress, signal }),
    'blob.providers': async ({ blob }, { signal }) => ({
      providers: await content.providers(blobId.parse(blob), signal),
    }),
  }
}
