/**
 * The runner's end of its socket. A connection carries one request after the other; while one is
 * being answered nothing more is read from it, so a client holds at most one frame of the runner's
 * memory however much it sends.
 */
import { chmodSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { MusterError } from '../../../shared/errors.ts'
import { type Answer, answer, type AnswerDeps } from './answers.ts'
import { encodeFrame, type Frame, FrameReader } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import type { RunnerLog } from '../ground/log.ts'
import { parseRequest } from './requests.ts'
import { clearSocket, shortSocketPath } from './socket-path.ts'

/** A hundred readers of one run, and the agent. Beyond it connections are closed at once. */
const MAX_CONNECTIONS = 256

export type ServerDeps = AnswerDeps & { readonly log: RunnerLog }

export interface RunnerServer {
  connections(): number
  /** Stops listening and ends every connection. */
  close(): Promise<void>
}

/** Listens at `path` (0600). The caller holds the lock of the home. Throws runner.unsafe-path. */
export async function listen(deps: ServerDeps, path: string): Promise<RunnerServer> {
  clearSocket(path)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    converse(deps, socket)
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
    // An answer that is on its way still gets there.
    for (const socket of sockets) socket.destroySoon()
  })
}

function converse(deps: ServerDeps, socket: Socket): void {
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
    // Not paused while it keeps still, because only a flowing socket tells that its other end was
    // closed.
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
    const { result, body }: Answer = await answer(deps, parseRequest(frame.head), signal)
    return encodeFrame({ result }, body)
  } catch (error) {
    if (!(error instanceof MusterError)) deps.log('request failed', { method, error })
    return errorFrame(error, method)
  }
}

/** What a client may know of an error: the code and its data, never foreign text. */
function errorFrame(error: unknown, method: string): Uint8Array[] {
  const { code, data } =
    error instanceof MusterError ? error : runnerError('runner.internal', { method })
  return encodeFrame({ error: { code, data } })
}

/** False if the reader is slow: nothing more should be sent before it caught up. */
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
