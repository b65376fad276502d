/** Writes to pipes, sockets, terminals and devices. */
import { constants, fstatSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Clock } from '../../shared/clock.ts'
import { errno } from '../../shared/errno.ts'
import { writeAll } from './write-all.ts'
import type { OutputTarget } from './output-target.ts'

export interface OutputStream {
  write(bytes: Uint8Array): Promise<void>
  /** Ends the stream. For a disk, resolves after the bytes are durable. */
  end(): Promise<void>
  /** Closes the stream after a failure. */
  destroy(): Promise<void>
}

interface StreamDeps {
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Time between two attempts to open a pipe that has no reader yet. */
const READER_MS = 50

/** Opens a device or a pipe. Waits until a pipe has a reader, like other programs. */
export async function openStream(
  deps: StreamDeps,
  { path, stats }: Extract<OutputTarget, { kind: 'stream' }>,
): Promise<OutputStream> {
  if (stats.isFIFO()) return pipeStream(deps, await openPipe(deps, path))
  const { O_WRONLY, O_NOCTTY, O_TRUNC } = constants
  const handle = await open(path, O_WRONLY | O_NOCTTY | (stats.isFile() ? O_TRUNC : 0))
  return deviceStream(handle, { sync: stats.isBlockDevice() || stats.isFile() })
}

/** Writes to a descriptor that this process inherited. It stays open. */
export function descriptorStream(deps: StreamDeps, descriptor: number): OutputStream {
  const stats = fstatSync(descriptor)
  if (stats.isFIFO() || stats.isSocket()) return pipeStream(deps, descriptor)
  return {
    write: (bytes) => writeAll(descriptor, bytes),
    end: async () => undefined,
    destroy: async () => undefined,
  }
}

/** Tries again until the pipe has a reader, because a blocking open() can't be cancelled. */
async function openPipe({ clock, signal }: StreamDeps, path: string): Promise<number> {
  const { open: openDescriptor } = await import('node:fs')
  for (;;) {
    try {
      return await new Promise<number>((resolve, reject) =>
        openDescriptor(path, constants.O_WRONLY | constants.O_NONBLOCK, (error, descriptor) =>
          error === null ? resolve(descriptor) : reject(error),
        ),
      )
    } catch (error) {
      if (errno(error) !== 'ENXIO') throw error
    }
    await clock.sleep(READER_MS, signal)
  }
}

function pipeStream({ signal }: StreamDeps, descriptor: number): OutputStream {
  const socket = new Socket({ fd: descriptor, readable: false, writable: true })
  // Each write reports its own failure.
  socket.on('error', () => undefined)
  const giveUp = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', giveUp, { once: true })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const settle = (work: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) =>
      work((error) => {
        if (error === undefined || error === null) resolve()
        else reject(signal.aborted ? signal.reason : error)
      }),
    )
  return {
    write: (bytes) => settle((done) => socket.write(bytes, done)),
    async end() {
      await settle((done) => socket.end(done))
      signal.removeEventListener('abort', giveUp)
    },
    async destroy() {
      signal.removeEventListener('abort', giveUp)
      giveUp()
      await closed
    },
  }
}

function deviceStream(handle: FileHandle, options: { sync: boolean }): OutputStream {
  return {
    write: (bytes) => writeAll(handle.fd, bytes),
    async end() {
      if (options.sync) await handle.sync()
      await handle.close()
    },
    destroy: () => handle.close().catch(() => undefined),
  }
}
