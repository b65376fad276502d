/**
 * The runner's side of its socket. A connection sends one request after another. The runner reads
 * no further bytes before it has responded, so that a client uses at most one frame of its memory.
 */
import { chmodSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { MusterError } from '../../../shared/errors.ts'
import { respondTo, type RespondDeps } from './respond.ts'
import { encodeFrame, type Frame, FrameReader } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import type { RunnerLog } from '../ground/log.ts'
import { parseRequest } from './requests.ts'
import { clearSocket, shortSocketPath } from './socket-path.ts'

/**
 * Enough for a hundred readers of one run and the agent. Further connections are closed at once.
 */
const MAX_CONNECTIONS = 256

export type ServerDeps = RespondDeps & { readonly log: RunnerLog }

export interface RunnerServer {
  connections(): number
  /** Stops listening and ends every connection. */
  close(): Promise<void>
}

/** Listens at `path` (0600). The caller holds the lock of the home. @throws runner.unsafe-path */
export async function listen(deps: ServerDeps, path: string): Promise<RunnerServer> {
  clearSocket(path)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    serveSocket(deps, socket)
  })
  server.maxConnections = MAX_CONNECTIONS
  const short = shortSocketPath(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(short.path, resolve)
  })
  chmodSync(path, 0o600)
  return {
    connections: () => sockets.size,
    close: () => close(server, sockets).finally(short.release),
  }
}

function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    // Responses that are being written are still sent.
    for (const socket of sockets) socket.destroySoon()
  })
}

function serveSocket(deps: ServerDeps, socket: Socket): void {
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  const reader = new FrameReader()
  let busy = false
  const work = async (): Promise<void> => {
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      const reply = await respond(deps, frame, gone.signal)
      if (!socket.writable) return
      if (!send(socket, reply)) await drained(socket, gone.signal)
    }
  }
  socket.on('data', (chunk) => {
    reader.push(chunk)
    // An idle socket is not paused, because a paused socket does not report that the client closed
    // it.
    if (busy) return void socket.pause()
    busy = true
    work().then(
      () => {
        busy = false
        socket.resume()
      },
      (error: unknown) => {
        deps.log('connection refused', { error })
        send(socket, errorFrame(error, 'frame'))
        socket.end()
      },
    )
  })
}

async function respond(deps: ServerDeps, frame: Frame, signal: AbortSignal): Promise<Uint8Array[]> {
  const method = String(frame.head.method).slice(0, 32)
  try {
    const { result, body } = await respondTo(deps, parseRequest(frame.head), signal)
    return encodeFrame({ result }, body)
  } catch (error) {
    if (!(error instanceof MusterError)) deps.log('request failed', { method, error })
    return errorFrame(error, method)
  }
}

/** Builds the response for an error. A client gets only the code and the data of an error. */
function errorFrame(error: unknown, method: string): Uint8Array[] {
  const { code, data } =
    error instanceof MusterError ? error : runnerError('runner.internal', { method })
  return encodeFrame({ error: { code, data } })
}

/**
 * Sends a frame. Returns false if the client is slow. Then wait for `drained` before the next
 * frame.
 */
function send(socket: Socket, parts: readonly Uint8Array[]): boolean {
  socket.cork()
  const results = parts.map((part) => socket.write(part))
  socket.uncork()
  return results.at(-1) === true
}

function drained(socket: Socket, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      gone.removeEventListener('abort', done)
      resolve()
    }
    if (gone.aborted) return resolve()
    socket.once('drain', done)
    gone.addEventListener('abort', done, { once: true })
  })
}
