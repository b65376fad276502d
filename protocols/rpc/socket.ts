/**
 * Serves protocols over a unix socket. A connection begins with a select frame that has the
 * protocol's id. Then the protocol runs as over libp2p. The socket has mode 0600 in a folder of
 * mode 0700, so only the node's user and root can open it. This is the capability `local`.
 */
import { errno } from '../../shared/errno.ts'
import { defined } from '../../shared/defined.ts'
import { asError } from '../../shared/as-error.ts'
import { chmod, lstat, mkdir, rm } from 'node:fs/promises'
import { type Server, type Socket, connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import { once } from 'node:events'
import type { Clock } from '../../shared/clock.ts'
import { MusterError, defineErrors } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { PeerContext } from './peer.ts'
import type { Serve } from './serve.ts'
import type { Duplex } from '../wire/duplex.ts'
import { wireError } from '../wire/errors.ts'
import { FrameReader, encodeFrame } from '../wire/frame.ts'
import { socketDuplex } from '../wire/socket-duplex.ts'
import { encodeError } from '../wire/status.ts'

export const socketError = defineErrors({
  'socket.absent': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { path: string }) => `no process listens on ${d.path}`,
    hint: () =>
      'start the coordinator or agent whose home this is, or name another one with --home',
  },
  'socket.starting': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { path: string }) => `the node behind ${d.path} is starting`,
    hint: () => 'retry in a few seconds; the log of the node shows its progress',
  },
  'socket.denied': {
    exit: 'denied',
    message: (d: { path: string }) => `no permission to open ${d.path}`,
    hint: () => 'only the user that the node runs as, and root, may use its socket',
  },
  'socket.in-use': {
    exit: 'conflict',
    message: (d: { path: string }) => `another process listens on ${d.path}`,
    hint: () => 'stop it first; two nodes cannot share one home',
  },
  'socket.unusable': {
    exit: 'usage',
    message: (d: { path: string; reason: string }) =>
      `cannot create a socket at ${d.path}: ${d.reason}`,
    hint: () => 'check space and permissions of the home, or name another one with --home',
  },
})

/** sockaddr_un.sun_path of Linux without its final zero (unix(7)). */
const MAX_PATH_BYTES = 107
/** The maximum size of the first frame, which has a protocol id. */
const MAX_SELECT_BYTES = 128
/** The time limit for a caller to send the protocol id. */
const SELECT_MS = 10_000
/** A caller waits this long for a starting node. Recovery after a crash may take longer. */
const STARTING_MS = 5_000
const STARTING_AGAIN_MS = 50
/** The maximum number of callers at once: a person, a few scripts, a dashboard. */
const MAX_CALLERS = 256

export interface SocketServer {
  readonly path: string
  /** Stops listening, ends every connection and removes the socket. */
  close(): Promise<void>
}

export interface ServeSocketOptions {
  /**
   * The absolute path of the socket. Its folder is created or must belong to us. It gets mode 0700.
   */
  readonly path: string
  /** The served protocols, by protocol id. */
  readonly protocols: ReadonlyMap<string, Serve>
  /** True as long as more protocols will be added. Default: false. */
  readonly isStarting?: () => boolean
}

/**
 * Listens on the path. Replaces a socket on which no process listens.
 * @throws socket.in-use, socket.unusable
 */
export async function serveSocket(
  deps: { clock: Clock; log: Logger },
  options: ServeSocketOptions,
): Promise<SocketServer> {
  const { path } = options
  checkPath(path)
  await makeFolder(dirname(path))
  await removeStale(path)
  const closing = new AbortController()
  const running = new Set<Promise<void>>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const serving = serveOne(deps, options, socket, closing.signal).finally(() =>
      running.delete(serving),
    )
    running.add(serving)
  })
  server.maxConnections = MAX_CALLERS
  await listen(server, path)
  await chmod(path, 0o600)
  return {
    path,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      closing.abort(wireError('protocol.closed', { what: 'the socket' }))
      await Promise.all(running)
      await closed
    },
  }
}

/**
 * Opens the protocol on the socket. A protocol that isn't served fails at the first call.
 * @throws socket.absent, socket.denied, socket.unusable
 */
export async function dialSocket(
  path: string,
  protocolId: string,
  signal?: AbortSignal,
): Promise<Duplex> {
  checkPath(path)
  signal?.throwIfAborted()
  const socket = connect({ path, allowHalfOpen: true })
  try {
    await once(socket, 'connect', defined({ signal }))
  } catch (cause) {
    socket.destroy()
    if (signal?.aborted === true) throw signal.reason
    throw dialError(path, cause)
  }
  const duplex = socketDuplex(socket)
  await duplex.write(encodeFrame('select', Buffer.from(protocolId, 'latin1')))
  return duplex
}

async function serveOne(
  deps: { clock: Clock; log: Logger },
  options: ServeSocketOptions,
  socket: Socket,
  signal: AbortSignal,
): Promise<void> {
  const duplex = socketDuplex(socket)
  const stop = (): void => duplex.abort(asError(signal.reason))
  signal.addEventListener('abort', stop, { once: true })
  try {
    const { id, rest } = await selected(deps, duplex)
    const serve = await whenStarted(deps, options, id, signal)
    if (serve === undefined)
      throw wireError('protocol.unsupported', { what: id.slice(0, MAX_SELECT_BYTES) })
    const peer: PeerContext = {
      transport: 'unix',
      peerId: undefined,
      address: 'unix',
      member: undefined,
    }
    await serve({ ...duplex, source: rest }, peer, signal)
  } catch (error) {
    deps.log.debug({ error }, 'socket caller refused')
    if (error instanceof MusterError)
      await duplex
        .write(encodeFrame('error', encodeError(error)))
        .then(duplex.close, () => undefined)
    duplex.abort(asError(error))
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Waits until the node serves the protocol. Undefined if it never will.
 * @throws socket.starting after {@link STARTING_MS}
 */
async function whenStarted(
  deps: { clock: Clock },
  { path, protocols, isStarting = () => false }: ServeSocketOptions,
  id: string,
  signal: AbortSignal,
): Promise<Serve | undefined> {
  const until = deps.clock.monotonic() + STARTING_MS
  while (!protocols.has(id) && isStarting()) {
    if (deps.clock.monotonic() >= until) throw socketError('socket.starting', { path })
    await deps.clock.sleep(STARTING_AGAIN_MS, signal)
  }
  return protocols.get(id)
}

/** Reads the select frame. `rest` contains the bytes after it. */
async function selected(
  deps: { clock: Clock },
  duplex: Duplex,
): Promise<{ id: string; rest: AsyncIterable<Uint8Array> }> {
  const cancel = deps.clock.after(SELECT_MS, () =>
    duplex.abort(
      wireError('protocol.timeout', { what: 'the name of the protocol', ms: SELECT_MS }),
    ),
  )
  try {
    const reader = new FrameReader(duplex.source, { maxBytes: MAX_SELECT_BYTES })
    const frame = await reader.next()
    if (frame?.kind !== 'select')
      throw wireError('protocol.malformed', {
        what: 'socket stream',
        reason: 'it does not begin with a select frame',
      })
    return { id: Buffer.from(frame.payload).toString('latin1'), rest: reader.rest() }
  } finally {
    cancel()
  }
}

function checkPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= MAX_PATH_BYTES) return
  throw socketError('socket.unusable', {
    path,
    reason:
      `the path has ${bytes} bytes, and the system allows ${MAX_PATH_BYTES}; ` +
      'choose a shorter --home',
  })
}

/** Creates the folder with mode 0700, or sets this mode on our own folder. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const found = await lstat(path)
    if (!found.isDirectory())
      throw socketError('socket.unusable', { path, reason: 'its folder is not a folder' })
    if (found.uid !== process.getuid?.())
      throw socketError('socket.unusable', {
        path,
        reason: `its folder belongs to user ${found.uid}`,
      })
    if ((found.mode & 0o077) !== 0) await chmod(path, 0o700)
  } catch (cause) {
    if (cause instanceof MusterError) throw cause
    throw socketError('socket.unusable', { path, reason: systemCode(cause) }, { cause })
  }
}

/** Removes the socket of a process that has ended. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket())
    throw socketError('socket.unusable', { path, reason: 'there is a file that is not a socket' })
  const probe = connect(path)
  try {
    await once(probe, 'connect')
  } catch (error) {
    if (systemCode(error) !== 'ECONNREFUSED')
      throw socketError('socket.unusable', { path, reason: systemCode(error) }, { cause: error })
    await rm(path, { force: true })
    return
  } finally {
    probe.destroy()
  }
  throw socketError('socket.in-use', { path })
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    server.listen(path)
    await once(server, 'listening')
  } catch (cause) {
    if (systemCode(cause) === 'EADDRINUSE') throw socketError('socket.in-use', { path }, { cause })
    throw socketError('socket.unusable', { path, reason: systemCode(cause) }, { cause })
  }
}

function dialError(path: string, cause: unknown): MusterError {
  const code = systemCode(cause)
  if (code === 'EACCES' || code === 'EPERM')
    return socketError('socket.denied', { path }, { cause })
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EAGAIN')
    return socketError('socket.absent', { path }, { cause })
  return socketError('socket.unusable', { path, reason: code }, { cause })
}

function systemCode(error: unknown): string {
  return errno(error) ?? 'unknown'
}
