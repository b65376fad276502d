/** A web server on one address. It limits header bytes, request time, idle time and connections. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Clock } from '../../shared/clock.ts'
import { errno } from '../../shared/errno.ts'
import { httpError } from './errors.ts'

export interface WebServer {
  /** `http://host:port` with the port in use, also if port 0 was requested. */
  readonly url: string
  /** Waits {@link GRACE_MS} for running responses, then closes their connections. */
  close(): Promise<void>
}

export interface ListenOptions {
  /** `HOST:PORT`, IPv6 in brackets. Port 0 takes any free port. */
  readonly listen: string
}

/**
 * The number of connections, because all hosts of a fleet may run dnf at once. Further ones wait in
 * the kernel.
 */
const MAX_CONNECTIONS = 4096
/** The time for the whole request head. Requests have no body. */
const REQUEST_MS = 20_000
/** A connection without traffic for this time is closed. */
const IDLE_MS = 120_000
/** The time that close() waits for running responses. */
const GRACE_MS = 3_000

/** Starts a web server. @throws `http.address-taken`, `http.address` */
export async function listen(
  deps: { clock: Clock },
  options: ListenOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<WebServer> {
  const { host, port } = parseListen(options.listen)
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
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => reject(listenFailure(error, options.listen))
    server.once('error', onError)
    server.listen(port, host, () => {
      server.off('error', onError)
      resolve()
    })
  })
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort(server)}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      const cut = deps.clock.after(GRACE_MS, () => server.closeAllConnections())
      await closed
      cut()
    },
  }
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (match === null || host === undefined)
    throw httpError('http.address', { address: text, reason: 'expected HOST:PORT' })
  return { host, port: Number(match[3]) }
}

function boundPort(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new TypeError('the server does not listen on TCP')
  return address.port
}

function listenFailure(error: Error, address: string): Error {
  return errno(error) === 'EADDRINUSE'
    ? httpError('http.address-taken', { address }, { cause: error })
    : httpError('http.address', { address, reason: reasonOf(errno(error)) }, { cause: error })
}

function reasonOf(code: string | undefined): string {
  if (code === 'EACCES') return 'ports below 1024 need privileges'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return 'this host does not have that address'
  return code ?? 'unknown'
}
