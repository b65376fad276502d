/**
 * Reads and writes frames: an unsigned varint with the length of the rest, one byte with the kind,
 * the payload. A length is checked against its limit before memory is allocated, and memory grows
 * only with received bytes. The payload of a data frame is passed on in parts, without a copy. All
 * other frames are passed on whole.
 */
import { KIB } from '../../shared/units.ts'
import type { Duplex } from './duplex.ts'
import { wireError } from './errors.ts'
import { createVarintReader, writeVarint } from './varint.ts'

/**
 * One request, response, progress report or error is one frame. An upload or download is any number
 * of data frames.
 */
const KINDS = {
  request: 1,
  response: 2,
  progress: 3,
  data: 4,
  end: 5,
  error: 6,
  select: 7,
} as const
export type FrameKind = keyof typeof KINDS
const NAMES: readonly (FrameKind | undefined)[] = [
  undefined,
  'request',
  'response',
  'progress',
  'data',
  'end',
  'error',
  'select',
]

/**
 * The size of sixteen chunk groups with their tree nodes. Larger frames would delay other streams.
 * Smaller ones would have more overhead.
 */
export const MAX_DATA_BYTES = 256 * KIB
const MAX_HEADER_BYTES = 5
/**
 * The first allocation for a frame that arrives in parts. It grows with the received bytes, never
 * with the announced length.
 */
const MIN_GATHER_BYTES = 4 * KIB

export interface Frame {
  readonly kind: FrameKind
  /**
   * The whole payload. For a data frame, the part that arrived: a view into the transport's buffer,
   * valid until the next read.
   */
  readonly payload: Uint8Array
}

/** Encodes a frame in one buffer. Bulk data uses data frames instead. */
export function encodeFrame(kind: FrameKind, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(MAX_HEADER_BYTES + payload.length)
  const start = writeHeader(frame, kind, payload.length)
  frame.set(payload, start)
  return frame.subarray(0, start + payload.length)
}

/** Sends bulk bytes as data frames without copying them. */
export async function writeData(duplex: Duplex, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += MAX_DATA_BYTES) {
    const piece =
      bytes.length <= MAX_DATA_BYTES ? bytes : bytes.subarray(start, start + MAX_DATA_BYTES)
    const header = new Uint8Array(MAX_HEADER_BYTES)
    await duplex.write(header.subarray(0, writeHeader(header, 'data', piece.length)), piece)
  }
}

function writeHeader(target: Uint8Array, kind: FrameKind, length: number): number {
  const at = writeVarint(target, 0, length + 1)
  target[at] = KINDS[kind]
  return at + 1
}

/** Reads frames from a source. Only one `next` at a time. */
export class FrameReader {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #maxBytes: number
  readonly #length = createVarintReader()
  // Owned by next().
  #chunk: Uint8Array = new Uint8Array(0)
  #offset = 0
  /** The number of bytes of the current data frame that are not passed on yet. */
  #dataLeft = 0

  /**
   * `maxBytes` limits the payload of every frame except data frames. Their limit is {@link
   * MAX_DATA_BYTES}.
   */
  constructor(source: AsyncIterable<Uint8Array>, options: { maxBytes: number }) {
    this.#source = source[Symbol.asyncIterator]()
    this.#maxBytes = options.maxBytes
  }

  /**
   * Returns the next frame, or the next part of a data frame. Undefined if the source ended between
   * two frames.
   * @throws protocol.malformed, protocol.too-large, protocol.closed if the source ended inside a
   * frame, and the errors of the transport
   */
  async next(): Promise<Frame | undefined> {
    if (this.#dataLeft > 0) return this.#piece()
    let length: number | undefined
    while (length === undefined) {
      if (this.#offset === this.#chunk.length && !(await this.#fill())) {
        if (this.#length.empty) return undefined
        throw truncated()
      }
      length = this.#length.push(this.#chunk[this.#offset++] ?? 0)
    }
    if (length === 0)
      throw wireError('protocol.malformed', { what: 'frame', reason: 'it has no kind' })
    if (this.#offset === this.#chunk.length && !(await this.#fill())) throw truncated()
    const byte = this.#chunk[this.#offset++] ?? 0
    const kind = NAMES[byte]
    if (kind === undefined)
      throw wireError('protocol.malformed', { what: 'frame', reason: `kind ${byte} is unknown` })
    const limit = kind === 'data' ? MAX_DATA_BYTES : this.#maxBytes
    if (length - 1 > limit)
      throw wireError('protocol.too-large', { what: `${kind} frame`, bytes: length - 1, limit })
    if (kind !== 'data') return { kind, payload: await this.#whole(length - 1) }
    if (length === 1)
      throw wireError('protocol.malformed', { what: 'data frame', reason: 'it is empty' })
    this.#dataLeft = length - 1
    return this.#piece()
  }

  /**
   * Returns the bytes after the frames that were read, for a caller that continues without frames.
   * Call it between two frames, and do not call `next` afterwards.
   */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#offset < this.#chunk.length) yield this.#chunk.subarray(this.#offset)
    for (let item = await this.#source.next(); item.done !== true; item = await this.#source.next())
      yield item.value
  }

  async #piece(): Promise<Frame> {
    if (this.#offset === this.#chunk.length && !(await this.#fill())) throw truncated()
    const end = Math.min(this.#chunk.length, this.#offset + this.#dataLeft)
    const payload = this.#chunk.subarray(this.#offset, end)
    this.#offset = end
    this.#dataLeft -= payload.length
    return { kind: 'data', payload }
  }

  async #whole(length: number): Promise<Uint8Array> {
    if (length > 0 && this.#offset === this.#chunk.length && !(await this.#fill()))
      throw truncated()
    if (this.#chunk.length - this.#offset >= length) return this.#take(length)
    // Each part is copied when it arrives. Otherwise this side would keep one object for each byte
    // of a sender that sends single bytes.
    let gathered = Buffer.allocUnsafeSlow(
      Math.min(length, Math.max(MIN_GATHER_BYTES, this.#chunk.length)),
    )
    let filled = 0
    for (;;) {
      const part = this.#take(Math.min(this.#chunk.length - this.#offset, length - filled))
      if (filled + part.length > gathered.length) {
        const larger = Buffer.allocUnsafeSlow(
          Math.min(length, Math.max(filled + part.length, gathered.length * 2)),
        )
        gathered.copy(larger, 0, 0, filled)
        gathered = larger
      }
      gathered.set(part, filled)
      filled += part.length
      if (filled === length) return gathered.subarray(0, length)
      if (!(await this.#fill())) throw truncated()
    }
  }

  /** Takes the next bytes of the chunk and returns a view of them. */
  #take(length: number): Uint8Array {
    this.#offset += length
    return this.#chunk.subarray(this.#offset - length, this.#offset)
  }

  /** Reads the next chunk that is not empty; false at the end of the source. */
  async #fill(): Promise<boolean> {
    do {
      const { done, value } = await this.#source.next()
      if (done === true) return false
      this.#chunk = value
    } while (this.#chunk.length === 0)
    this.#offset = 0
    return true
  }
}

function truncated(): Error {
  return wireError('protocol.closed', { what: 'a frame' })
}
