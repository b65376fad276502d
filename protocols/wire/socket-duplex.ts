/**
 * Makes a {@link Duplex} from a connected socket of node:net. The socket must allow half-open
 * connections, and no code may have read from it.
 */
import type { Socket } from 'node:net'
import { MusterError } from '../../shared/errors.ts'
import type { Duplex } from './duplex.ts'
import { wireError } from './errors.ts'

export function socketDuplex(socket: Socket): Duplex {
  let broken: Error | undefined
  // A socket that fails while it is idle must not end the process. The next read or write reports
  // the reason.
  socket.on('error', (error) => {
    broken ??= error
  })
  const reason = (): Error => {
    if (broken instanceof MusterError) return broken
    return wireError('protocol.closed', { what: 'the stream' }, { cause: broken })
  }
  return {
    source: read(socket, reason),
    write: async (...chunks) => {
      if (socket.destroyed || socket.writableEnded) throw reason()
      let more = true
      socket.cork()
      for (const chunk of chunks) more = socket.write(chunk)
      socket.uncork()
      if (more || !socket.writableNeedDrain) return
      await drained(socket, reason)
    },
    close: async () => {
      if (socket.destroyed || socket.writableEnded) return
      socket.end()
    },
    abort: (why) => {
      broken ??= why
      socket.destroy()
    },
  }
}

async function* read(socket: Socket, reason: () => Error): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of socket.iterator({
      destroyOnReturn: false,
    }) as AsyncIterable<Uint8Array>)
      yield chunk
  } catch {
    throw reason()
  }
}

function drained(socket: Socket, reason: () => Error): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      if (socket.destroyed) reject(reason())
      else resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
