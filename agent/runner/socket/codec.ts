/**
 * Frames on the runner's socket: two lengths (uint32, big endian), the JSON, the raw bytes. A
 * length is checked before memory is allocated for it. A reader has at most one frame in memory.
 */
import { runnerError } from '../ground/errors.ts'

export interface Frame {
  readonly head: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/** The size of the largest argument list of a run if every character is escaped. */
export const MAX_HEAD_BYTES = 16 * 1024 * 1024
/** The size of one read of output. A hundred readers then need little memory. */
export const MAX_BODY_BYTES = 128 * 1024
const PREFIX_BYTES = 8
const EMPTY = new Uint8Array(0)

/**
 * Returns the parts of the frame. The body is not copied.
 * @throws runner.broken-frame if the frame is too large
 */
export function encodeFrame(head: object, body: Uint8Array = EMPTY): Uint8Array[] {
  const json = Buffer.from(JSON.stringify(head))
  checkLengths(json.length, body.length)
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(json.length, 0)
  prefix.writeUInt32BE(body.length, 4)
  return body.length === 0 ? [prefix, json] : [prefix, json, body]
}

/** Collects chunks until a frame is complete. Don't use the reader after it threw. */
export class FrameReader {
  #chunks: Uint8Array[] = []
  #held = 0

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /**
   * Returns the next complete frame, or undefined until more is pushed. @throws runner.broken-frame
   */
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

  /** Returns the first chunk. If it has fewer than `length` bytes, joins it with the next ones. */
  #join(length: number): Buffer {
    let [first = EMPTY] = this.#chunks
    if (first.length < length) {
      first = Buffer.concat(this.#chunks)
      this.#chunks = [first]
    }
    return Buffer.from(first.buffer, first.byteOffset, first.length)
  }
}

function parseHead(bytes: Buffer): Frame['head'] {
  let head: unknown
  try {
    head = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw runnerError('runner.broken-frame', { reason: 'its head is not JSON' }, { cause })
  }
  if (!isObject(head))
    throw runnerError('runner.broken-frame', { reason: 'its head is not an object' })
  return head
}

const isObject = (value: unknown): value is Frame['head'] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

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
