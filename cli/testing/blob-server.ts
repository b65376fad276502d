/** Starts a node that serves one blob over its socket. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { serveSocket } from '../../protocols/rpc/socket.ts'
import { blake3Of } from '../../shared/blake3/hash.ts'
import { systemClock } from '../../shared/clock.ts'
import { agentPaths } from '../../shared/home.ts'
import { silentLogger } from '../../shared/logger.ts'

/** The maximum of one data frame. */
const FRAME_BYTES = 64 * 1024

export interface BlobServer extends AsyncDisposable {
  readonly home: string
  /** An empty folder for output. */
  readonly folder: string
  /** The id of the original content. */
  readonly blob: string
  /** The bytes that the node sends. A test may replace them. */
  bytes: Uint8Array
  /** Called after each frame. A rejection ends the transfer. */
  onFrame: () => Promise<void>
}

export async function serveBlob(content: Uint8Array): Promise<BlobServer> {
  const home = await mkdtemp(join(tmpdir(), 'muster-blob-'))
  const paths = agentPaths(home)
  await writeFile(paths.identity, '{}')
  const folder = join(home, 'to')
  await mkdir(folder)
  const deps = { clock: systemClock, log: silentLogger }
  const server: BlobServer = {
    home,
    folder,
    blob: blake3Of(content),
    bytes: content,
    onFrame: async () => undefined,
    async [Symbol.asyncDispose]() {
      await socket.close()
      await rm(home, { recursive: true, force: true })
    },
  }
  const handlers = {
    'blob.get': async (
      request: { range?: { start: number; end: number } },
      { send }: { send: (bytes: Uint8Array) => Promise<void> },
    ) => {
      const bytes = server.bytes.subarray(request.range?.start ?? 0, request.range?.end)
      for (let at = 0; at < bytes.length; at += FRAME_BYTES) {
        await send(bytes.subarray(at, at + FRAME_BYTES))
        await server.onFrame()
      }
      return { size: bytes.length }
    },
  } as unknown as Handlers<typeof localProtocol>
  const policy = { allow: async () => ({ kind: 'local', name: 'local' }) as const }
  const serve = serveProtocol(localProtocol, handlers, { ...deps, policy })
  const socket = await serveSocket(deps, {
    path: paths.socket,
    protocols: new Map([[localProtocol.id, serve]]),
  })
  return server
}
