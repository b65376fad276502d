/**
 * A web server on one address, with limits on what a client may cost: header bytes, time for a
 * request, idle time, connections.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../shared/clock.ts'
import { httpError } from './errors.ts'

export interface WebServer {
  /** `http://host:port` with the port that was taken, also where 0 was asked for. */
  readonly url: string
  /** Lets answers that are under way finish for a moment, then closes their connections. */
  close(): Promise<void>
}

export interface ListenOptions {
  /** `HOST:PORT`, IPv6 in brackets; port 0 takes any free one. */
  readonly listen: string
}

/**
 * A fleet's dnf runs come at once, each with a few connections; beyond this they queue in the
 * kernel.
 */
const MAX_CONNECTIONS = 4096
/** Time for the whole request head; ours have no body. */
const REQUEST_MS = 20_000
/** A client that neither reads nor writes for this long is gone. */
const IDLE_MS = 120_000
/** How long close() waits for answers under way. */
const GRACE_MS = 3_000

/** @throws `http.address-taken`, `http.address` */
export async function listen(
  deps: { clock: Clock },
  options: ListenOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<WebServer> {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(options.listen)
  if (match === null)
    throw httpError('http.address', { address: options.listen, reason: 'expected HOST:PORT' })
  const server = createServer(
    {
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: 15_000,
      maxHeaderSize: 16 * 1024,
      connectionsCheckingInterval: 5_000,
    },
    handle,
  )
  server.maxConnections = MAX_CONNECTIONS
  server.timeout = IDLE_MS
  const host = (match[1] ?? match[2]) as string
  await new Promise<void>((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => {
      const address = options.listen
      reject(
        error.code === 'EADDRINUSE'
          ? httpError('http.address-taken', { address }, { cause: error })
          : httpError('http.address', { address, reason: reasonOf(error) }, { cause: error }),
      )
    }
    server.once('error', refused)
    server.listen(Number(match[3]), host, () => {
      server.off('error', refused)
      resolve()
    })
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${match[1] === undefined ? host : `[${host}]`}:${port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      const cut = deps.clock.after(GRACE_MS, () => server.closeAllConnections())
      await closed
      cut()
    },
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES') return 'ports below 1024 need privileges'
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return 'this host does not have that address'
  return error.code ?? 'unknown'
}
