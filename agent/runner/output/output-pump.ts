/**
 * Moves the bytes of a run's pipe to its files as soon as they arrive. A child may wait for the
 * disk, but never for a reader.
 */
import { readSync } from 'node:fs'
import { Socket } from 'node:net'

/** The size of a pipe, unless a program enlarged it. */
export const PIPE_BYTES = 64 * 1024
/** All pumps share it. Each use ends before the next begins. */
const buffer = Buffer.alloc(PIPE_BYTES)
/** The limit of one drain. A pipe has less, unless a grandchild continues to write. */
const DRAIN_BYTES = 1024 * 1024

export interface Pump {
  /** Reads everything that is in the pipe now. */
  drain(): void
  /** Returns true when all writers have closed the pipe and everything was read. */
  ended(): boolean
  close(): void
}

/**
 * Reads from `fd`, the non-blocking reading end, and closes it. The chunk is only valid during
 * `onBytes`. `onEnd` is called once.
 */
export function startPump(fd: number, onBytes: (chunk: Buffer) => void, onEnd: () => void): Pump {
  let ended = false
  const end = (): void => {
    if (ended) return
    ended = true
    socket.destroy()
    onEnd()
  }
  const callback = (length: number): boolean => {
    onBytes(buffer.subarray(0, length))
    return true
  }
  const socket = new Socket({ fd, readable: true, writable: false, onread: { buffer, callback } })
  socket.on('error', end)
  socket.on('end', end)
  return {
    drain: () => {
      for (let taken = 0; !ended && taken < DRAIN_BYTES; ) {
        let length: number
        try {
          length = readSync(fd, buffer, 0, buffer.length, null)
        } catch {
          // EAGAIN: the pipe is empty, and a process has it open for writing.
          return
        }
        if (length === 0) return end()
        onBytes(buffer.subarray(0, length))
        taken += length
      }
    },
    ended: () => ended,
    close: end,
  }
}
