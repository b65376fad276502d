/**
 * Moves what arrives in a run's pipe to where it is kept, as soon as it arrives and whoever reads
 * it later: a child waits for the runner's disk at most, never for a reader.
 */
import { readSync } from 'node:fs'
import { Socket } from 'node:net'

/** A pipe holds 64 KiB unless a program enlarged it. */
export const PIPE_BYTES = 64 * 1024
/** Shared by all pumps: each use ends before the next begins. */
const buffer = Buffer.alloc(PIPE_BYTES)
/**
 * What a drain takes at once. More than a pipe holds, so it ends only early if a grandchild keeps
 * writing.
 */
const DRAIN_BYTES = 1024 * 1024

export interface Pump {
  /** Takes at once what lies in the pipe now. */
  drain(): void
  /** True once nobody has the pipe open for writing any more, and all of it was taken. */
  ended(): boolean
  close(): void
}

/**
 * Takes over `fd`, the non-blocking reading end. `onBytes` must be done with the chunk when it
 * returns; `onEnd` is called once.
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
          // EAGAIN: empty, but somebody may still write.
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
