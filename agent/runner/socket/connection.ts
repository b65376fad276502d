/** One connection to the runner. Each request is sent after the response to the previous one. */
import { createConnection, type Socket } from 'node:net'
import { errno } from '../../../shared/errno.ts'
import { type ErrorData, restoreError } from '../../../shared/errors.ts'
import { encodeFrame, type Frame, FrameReader } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import type { Request } from './requests.ts'
import type { Response, Results } from './responses.ts'
import { checkSocket, shortSocketPath } from './socket-path.ts'

export interface RunnerConnection {
  /**
   * Sends one request and waits for its response. If the connection ends first or the signal
   * aborts, the connection is closed.
   * @throws the error of the runner, runner.unreachable, or the signal's reason
   */
  request<R extends Request>(request: R, signal?: AbortSignal): Promise<Response<R['method']>>
  close(): void
}

/**
 * Connects to the socket.
 * @throws runner.unreachable if no process listens, runner.unsafe-path if the socket belongs to
 * another user
 */
export async function openConnection(
  path: string,
  signal?: AbortSignal,
): Promise<RunnerConnection> {
  signal?.throwIfAborted()
  if (!checkSocket(path)) throw unreachable(path, 'there is no socket')
  const short = shortSocketPath(path)
  const socket = createConnection(short.path)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
  } catch (cause) {
    throw unreachable(path, errno(cause) ?? 'no connection', cause)
  } finally {
    short.release()
  }
  return {
    request: async <R extends Request>(request: R, abort?: AbortSignal) =>
      responseOf<R['method']>(await exchange({ socket, path }, request, abort)),
    close: () => socket.destroy(),
  }
}

/** Writes a request and reads one frame. */
async function exchange(
  { socket, path }: { readonly socket: Socket; readonly path: string },
  request: Request,
  signal?: AbortSignal,
): Promise<Frame> {
  const frame = encodeFrame(request)
  const reader = new FrameReader()
  const { promise, resolve, reject } = Promise.withResolvers<Frame>()
  const onAbort = (): void => reject(signal?.reason)
  const onClose = (): void => reject(unreachable(path, 'the connection ended before the response'))
  const onError = (cause: Error): void =>
    reject(unreachable(path, errno(cause) ?? 'broken connection', cause))
  const onData = (chunk: Uint8Array): void => {
    try {
      reader.push(chunk)
      const response = reader.next()
      if (response !== undefined) resolve(response)
    } catch (error) {
      reject(error)
    }
  }
  socket.on('data', onData).on('close', onClose).on('error', onError)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal?.aborted === true) onAbort()
    else if (socket.destroyed) onClose()
    else writeFrame(socket, frame)
    return await promise
  } catch (error) {
    socket.off('close', onClose).destroy()
    throw error
  } finally {
    socket.off('data', onData).off('close', onClose).off('error', onError)
    signal?.removeEventListener('abort', onAbort)
  }
}

function writeFrame(socket: Socket, frame: readonly Uint8Array[]): void {
  socket.cork()
  for (const part of frame) socket.write(part)
  socket.uncork()
}

/**
 * Reads a response or an error. The runner has this version or a compatible one, so the result is
 * not parsed.
 */
function responseOf<M extends keyof Results>({ head, body }: Frame): Response<M> {
  if (head.error === undefined) return { result: head.result as Results[M], body }
  throw (
    errorOf(head.error) ??
    runnerError('runner.broken-frame', { reason: 'an error that this program does not know' })
  )
}

function errorOf(error: unknown): Error | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  if (typeof error.code !== 'string') return undefined
  return restoreError(error.code, 'data' in error && isErrorData(error.data) ? error.data : {})
}

const isErrorData = (data: unknown): data is ErrorData => typeof data === 'object' && data !== null

function unreachable(socket: string, reason: string, cause?: unknown): Error {
  return runnerError('runner.unreachable', { socket, reason }, { cause })
}
