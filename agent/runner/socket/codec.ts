/**
 * Frames on the runner's socket: two lengths (uint32, big endian), that many bytes of JSON, that
 * many raw bytes. The lengths are checked before anything is kept for them, and a reader never
 * holds more than one frame of the largest size.
 */
import { runnerError } from '../ground/errors.ts'

export interface Frame {
  readonly head: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/**
 * An order's largest argument list, with every character escaped in the worst way that is likely.
 */
export const MAX_HEAD_BYTES = 16 * 1024 * 1024
/** One read of output. Large enough to be cheap, small enough that a hundred readers stay small. */
export const MAX_BODY_BYTES = 128 * 1024
const PREFIX_BYTES = 8
const EMPTY = new Uint8Array(0)

/**
 * The frame in parts to be written one after the other; the body isn't copied. Throws
 * runner.broken-frame when the other end would refuse it.
 */
export function encodeFrame(head: object, body: Uint8Array = EMPTY): Uint8Array[] {
  const json = Buffer.from(JSON.stringify(head))
  checkLengths(json.length, body.length)
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(json.length, 0)
  prefix.writeUInt32BE(body.length, 4)
  return body.length === 0 ? [prefix, json] : [prefix, json, body]
}

/** Collects chunks until a frame is whole. After it threw it is of no more use. */
export class FrameReader {
  #chunks: Uint8Array[] = []
  #held = 0

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /** The next whole frame, or undefined until more is pushed. Throws runner.broken-frame. */
  next(): Frame | undefined {
    if (this.#held < PREFIX_BYTES) return undefined
    const prefix = this.#join(PREFIX_BYTES)
    const [headBytes, bodyBytes] = [prefix.readUInt32BE(0), prefix.readUInt32BE(4)]
    checkLengths(headBytes, bodyBytes)
    const total = PREFIX_BYTES + headBytes + bodyBytes
    if (this.#held < total) return undefined
    const bytes = this.#join(total)
    this.#chunks = bytes.length > total ? [bytes.subarray(total)] : []
    this.#held -= total
    return {
      head: parseHead(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headBytes)),
      body: bytes.subarray(PREFIX_BYTES + headBytes, total),
    }
  }

  /** Makes the first chunk at least `length` long. */
  #join(length: number): Buffer {
    const first = this.#chunks[0] as Uint8Array
    if (first.length < length) this.#chunks = [Buffer.concat(this.#chunks)]
    const joined = this.#chunks[0] as Uint8Array
    return Buffer.from(joined.buffer, joined.byteOffset, joined.length)
  }
}

function parseHead(bytes: Buffer): Frame['head'] {
  let head: unknown
  try {
    head = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw runnerError('runner.broken-frame', { reason: 'its head is not JSON' }, { cause })
  }
  if (typeof head !== 'object' || head === null || Array.isArray(head))
    throw runnerError('runner.broken-frame', { reason: 'its head is not an object' })
  return head as Frame['head']
}

function checkLengths(head: number, body: number): void {
  if (head > MAX_HEAD_BYTES)
    throw runnerError('runner.broken-frame', {
      reason: `head of ${head} bytes, at most ${MAX_HEAD_BYTES}`,
    })
  if (body > MAX_BODY_BYTES)
    throw runnerError('runner.broken-frame', {
      reason: `body of ${body} bytes, at most ${MAX_BODY_BYTES}`,
    })
}
