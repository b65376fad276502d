/**
 * A real HTTP server for tests of upstream clients. It sends responses from a table, with faults,
 * and records the requests.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

export interface TestServer extends AsyncDisposable {
  /** Ends in `/`. */
  readonly url: string
  readonly asked: Asked[]
  /** The largest number of requests that were open at the same time. */
  readonly parallel: () => number
}

export type Answering = (
  request: IncomingMessage,
  response: ServerResponse,
  nth: number,
) => void | Promise<void>

/** `nth` counts the requests for one path, from 1. */
export async function testServer(answer: Answering, tls?: ServerOptions): Promise<TestServer> {
  const asked: Asked[] = []
  const counts = new Map<string, number>()
  let running = 0
  let most = 0
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '/'
    asked.push({ path, headers: request.headers })
    const nth = (counts.get(path) ?? 0) + 1
    counts.set(path, nth)
    running += 1
    most = Math.max(most, running)
    response.on('close', () => {
      running -= 1
    })
    void answer(request, response, nth)
  }
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`,
    asked,
    parallel: () => most,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/**
 * Sends `bytes` like a static file server, with ETag and Range under If-Range. With `cut`, it cuts
 * the connection after that many bytes of the body.
 */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  options: { cut?: number; etag?: string; ranges?: boolean } = {},
): void {
  const etag = options.etag ?? '"v1"'
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
  const condition = request.headers['if-range']
  const from =
    range !== null && options.ranges !== false && (condition === undefined || condition === etag)
      ? Number(range[1])
      : undefined
  const body = bytes.subarray(from ?? 0)
  response.writeHead(from === undefined ? 200 : 206, {
    etag,
    'content-length': body.length,
    ...(from === undefined
      ? {}
      : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
  })
  if (options.cut === undefined || options.cut >= body.length) return void response.end(body)
  response.write(body.subarray(0, options.cut), () => response.destroy())
}
