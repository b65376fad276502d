/**
 * Makes the combined encoding of a content or of a range of its groups (bao specification, "Combined Encoding Format" and "Slice Format") from the
 * content and its outboard. Every byte is checked against the hash before it goes out, so rot on the disk is found here and not by whoever receives it.
 */
import { blake3Error } from './errors.ts'
import { encodedSize, GROUP_BYTES, groupCount, groupLength, type GroupRange, HEADER_BYTES, PARENT_BYTES, Walk } from './geometry.ts'
import { kernel } from './kernel.ts'
import { INPUT_AT } from './memory.ts'
import { Verifier } from './verifier.ts'

export interface EncodeSource {
  /** The content's hash, 32 bytes. */
  readonly root: Uint8Array
  /** Bytes of the content. */
  readonly size: number
  readonly groupBytes?: number
  /** Fills `into` with the content from `position` on; throws if it ends before. */
  readContent(into: readonly Uint8Array[], position: number): Promise<void>
  /** Reads parents in pre-order, from place `index` on; returns how many there were, at most as many as fit `into` and at least one, else throws. */
  readParents(into: Uint8Array, index: number): Promise<number>
}

/** Groups in every chunk but the last: with their parents they stay under 1 MiB. */
export const CHUNK_GROUPS = 63
/** Parents are read this many at once, 64 KiB: those of 16 MiB of content. */
const WINDOW_PARENTS = 1024

/**
 * Yields the encoding of the groups of `range` in chunks of up to 1 MiB, each a buffer of its own. While the caller handles one, the next is read.
 * Throws blake3.altered where content or outboard are not what the hash says; nothing of the bad chunk has been yielded.
 */
export async function* encode(source: EncodeSource, range: GroupRange, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ChunkReader(source, range)
  const verifier = new Verifier(kernel(), source.root, { size: source.size, range, groupBytes: source.groupBytes ?? GROUP_BYTES })
  let reading = ahead(reader)
  try {
    for (let sent = 0; ; ) {
      const chunk = await reading
      if (chunk === undefined) return
      signal?.throwIfAborted()
      reading = ahead(reader)
      verify(verifier, chunk, sent)
      sent += chunk.bytes.length
      yield chunk.bytes
      signal?.throwIfAborted()
    }
  } finally {
    // Whoever closes the files after this must not do so under a read.
    await Promise.allSettled([reading])
  }
}

interface Chunk {
  readonly bytes: Uint8Array
  /** Where its first item begins: after the header in the first chunk. */
  readonly start: number
  readonly items: number
}

/** Starts to read a chunk; a failure waits for whoever awaits it. */
function ahead(reader: ChunkReader): Promise<Chunk | undefined> {
  const reading = reader.next()
  reading.catch(() => undefined)
  return reading
}

function verify(verifier: Verifier, chunk: Chunk, sent: number): void {
  const { bytes } = kernel()
  let at = chunk.start
  for (let item = 0; item < chunk.items; item += 1) {
    verifier.next()
    const { length } = verifier
    bytes.set(chunk.bytes.subarray(at, at + length), INPUT_AT)
    if (!verifier.check(INPUT_AT)) {
      throw blake3Error('blake3.altered', { part: verifier.walk.parent ? 'a tree node' : 'the content', offset: sent + at })
    }
    at += length
  }
}

/** Lays items out in chunks and reads them in. */
class ChunkReader {
  readonly #source: EncodeSource
  readonly #groupBytes: number
  readonly #parents: number
  readonly #range: GroupRange
  readonly #walk: Walk
  readonly #window = Buffer.allocUnsafe(WINDOW_PARENTS * PARENT_BYTES)
  // Which parents the window holds.
  #windowStart = 0
  #windowEnd = 0
  #rest: number

  constructor(source: EncodeSource, range: GroupRange) {
    this.#source = source
    this.#groupBytes = source.groupBytes ?? GROUP_BYTES
    const groups = groupCount(source.size, this.#groupBytes)
    this.#parents = groups - 1
    this.#range = range
    this.#walk = new Walk(groups, range)
    this.#rest = encodedSize(source.size, range, this.#groupBytes)
  }

  async next(): Promise<Chunk | undefined> {
    if (this.#rest === 0) return undefined
    const first = this.#walk.fresh
    const bytes = Buffer.allocUnsafeSlow(Math.min(this.#rest, CHUNK_LIMIT))
    if (first) bytes.writeBigUInt64LE(BigInt(this.#source.size))
    const start = first ? HEADER_BYTES : 0
    let at = start
    let items = 0
    let position = -1
    const content: Uint8Array[] = []
    while (content.length < CHUNK_GROUPS && this.#walk.next()) {
      const { parent, start: group, index } = this.#walk
      items += 1
      if (parent) {
        if (index < this.#windowStart || index >= this.#windowEnd) await this.#fillWindow(index, group)
        const from = (index - this.#windowStart) * PARENT_BYTES
        at += this.#window.copy(bytes, at, from, from + PARENT_BYTES)
        continue
      }
      if (position < 0) position = group * this.#groupBytes
      const length = groupLength(group, this.#source.size, this.#groupBytes)
      content.push(bytes.subarray(at, at + length))
      at += length
    }
    if (position >= 0 && at > start) await this.#source.readContent(content, position)
    this.#rest -= at
    return { bytes: bytes.subarray(0, at), start, items }
  }

  async #fillWindow(index: number, group: number): Promise<void> {
    // On the way down to a range that begins further right, the next parent stands elsewhere; and few follow where few groups do.
    const ahead = this.#walk.left ? this.#range.end - group + PATH_PARENTS : 1
    const count = Math.min(WINDOW_PARENTS, this.#parents - index, ahead)
    this.#windowEnd = this.#windowStart
    const got = await this.#source.readParents(this.#window.subarray(0, count * PARENT_BYTES), index)
    this.#windowStart = index
    this.#windowEnd = index + got
  }
}

/** A path down the largest tree (256 GiB in groups of 1 KiB) has fewer parents than this. */
const PATH_PARENTS = 32
/** Room for the groups of a chunk and the parents between them. */
const CHUNK_LIMIT = HEADER_BYTES + CHUNK_GROUPS * GROUP_BYTES + (CHUNK_GROUPS + PATH_PARENTS) * PARENT_BYTES
