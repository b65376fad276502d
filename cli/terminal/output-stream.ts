/** Writes to what is not a regular file: pipes, sockets, terminals and devices. */
import { constants, fstatSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Clock } from '../../shared/clock.ts'
import { writeAll } from './write-all.ts'
import type { OutputTarget } from './output-target.ts'

export interface OutputStream {
  write(bytes: Uint8Array): Promise<void>
  /** Ends it; on a disk, once the bytes are there. */
  end(): Promise<void>
  /** Gives up. */
  destroy(): Promise<void>
}

interface StreamDeps {
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Between two looks whether a pipe has a reader. */
const READER_MS = 50

/** Opens a device or pipe. A pipe without a reader is waited for, as any program does. */
export async function openStream(
  deps: StreamDeps,
  { path, stats }: Extract<OutputTarget, { kind: 'stream' }>,
): Promise<OutputStream> {
  if (stats.isFIFO()) return pipeStream(deps, await openPipe(deps, path))
  const { O_WRONLY, O_NOCTTY, O_TRUNC } = constants
  const handle = await open(path, O_WRONLY | O_NOCTTY | (stats.isFile() ? O_TRUNC : 0))
  return deviceStream(handle, { sync: stats.isBlockDevice() || stats.isFile() })
}

/** Writes to a descriptor that the caller of this process opened. It stays open. */
export function descriptorStream(deps: StreamDeps, descriptor: number): OutputStream {
  const stats = fstatSync(descriptor)
  if (stats.isFIFO() || stats.isSocket()) return pipeStream(deps, descriptor)
  return {
    write: (bytes) => writeAll(descriptor, bytes),
    end: async () => undefined,
    destroy: async () => undefined,
  }
}

/**
 * A blocking open() of a pipe can't be cancelled, so this one asks again until a reader is there.
 */
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
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
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
        else reject(signal.aborted ? (signal.reason as Error) : error)
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
