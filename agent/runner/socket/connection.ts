/** One connection to the runner: a request, its answer, the next request. */
import { createConnection, type Socket } from 'node:net'
import { restoreError } from '../../../shared/errors.ts'
import { encodeFrame, type Frame, FrameReader } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import { checkSocket, shortSocketPath } from './socket-path.ts'

export interface RunnerConnection {
  /**
   * Sends one request and waits for its answer; one at a time. Throws what the runner answered,
   * runner.unreachable when the connection ends first, or the signal's reason; after the latter two
   * the connection is closed.
   */
  request(head: object, signal?: AbortSignal): Promise<{ result: unknown; body: Uint8Array }>
  close(): void
}

/**
 * Throws runner.unreachable when nobody listens, runner.unsafe-path when it isn't our runner's
 * socket.
 */
export async function openConnection(
  path: string,
  signal?: AbortSignal,
): Promise<RunnerConnection> {
  signal?.throwIfAborted()
  if (!checkSocket(path))
    throw runnerError('runner.unreachable', { socket: path, reason: 'there is no socket' })
  const short = shortSocketPath(path)
  const socket = createConnection(short.path)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
  } catch (cause) {
    throw runnerError(
      'runner.unreachable',
      { socket: path, reason: (cause as NodeJS.ErrnoException).code ?? 'no connection' },
      { cause },
    )
  } finally {
    short.release()
  }
  return {
    request: (head, abort) => request(socket, path, head, abort),
    close: () => socket.destroy(),
  }
}

function request(
  socket: Socket,
  path: string,
  head: object,
  signal?: AbortSignal,
): Promise<{ result: unknown; body: Uint8Array }> {
  const frame = encodeFrame(head)
  const reader = new FrameReader()
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      socket.off('data', onData)
      socket.off('close', onClose)
      socket.off('error', onError)
      signal?.removeEventListener('abort', onAbort)
      settle()
    }
    const fail = (error: unknown): void => {
      finish(() => reject(error))
      socket.destroy()
    }
    const onAbort = (): void => fail(signal?.reason)
    const onClose = (): void =>
      fail(
        runnerError('runner.unreachable', {
          socket: path,
          reason: 'the connection ended before the answer',
        }),
      )
    const onError = (cause: NodeJS.ErrnoException): void =>
      fail(
        runnerError(
          'runner.unreachable',
          { socket: path, reason: cause.code ?? 'broken connection' },
          { cause },
        ),
      )
    const onData = (chunk: Uint8Array): void => {
      try {
        reader.push(chunk)
        const answer = reader.next()
        if (answer !== undefined) finish(() => settleAnswer(answer, resolve, reject))
      } catch (error) {
        fail(error)
      }
    }
    if (signal?.aborted === true) return fail(signal.reason)
    if (socket.destroyed) return onClose()
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.on('error', onError)
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.cork()
    for (const part of frame) socket.write(part)
    socket.uncork()
  })
}

function settleAnswer(
  frame: Frame,
  resolve: (value: { result: unknown; body: Uint8Array }) => void,
  reject: (error: Error) => void,
): void {
  const error = frame.head.error as { code?: unknown; data?: unknown } | undefined
  if (error === undefined) return resolve({ result: frame.head.result, body: frame.body })
  const known =
    typeof error.code === 'string'
      ? restoreError(error.code, (error.data ?? {}) as never)
      : undefined
  reject(
    known ??
      runnerError('runner.broken-frame', { reason: 'an error that this program does not know' }),
  )
}
