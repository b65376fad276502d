/**
 * Makes the combined encoding of a content or of a range of its groups (bao specification,
 * "Combined Encoding Format" and "Slice Format") from the content and its outboard. Every byte is
 * verified before it is sent, so the sender detects bit rot before the receiver.
 */
import { blake3Error } from './errors.ts'
import {
  GROUP_BYTES,
  groupCount,
  groupLength,
  type GroupRange,
  HEADER_BYTES,
  PARENT_BYTES,
  Walk,
} from './geometry.ts'
import { kernel } from './kernel.ts'
import { INPUT_AT } from './memory.ts'
import { type Slot, takeSlot } from './slot.ts'
import { Verifier } from './verifier.ts'

export interface EncodeSource {
  /** The content's hash, 32 bytes. */
  readonly root: Uint8Array
  /** The size of the content in bytes. */
  readonly size: number
  readonly groupBytes?: number
  /** Fills `into` with content starting at `position`. Throws if the content ends before that. */
  readContent(into: Uint8Array, position: number): Promise<void>
  /**
   * Reads parents in pre-order, starting at place `index`. Returns the number of read parents,
   * which is at least one and at most as many as fit into `into`. Throws otherwise.
   */
  readParents(into: Uint8Array, index: number): Promise<number>
}

/**
 * The number of groups in every chunk but the last. With their parents they take less than 1 MiB.
 */
export const CHUNK_GROUPS = 63
/** An upper bound of the parents on one path of the largest tree (256 GiB in groups of 1 KiB). */
const PATH_PARENTS = 32
/** The maximum number of parents in one chunk: between its groups, and on the path to the first. */
const CHUNK_PARENTS = CHUNK_GROUPS + PATH_PARENTS
/** The number of parents in one read: 64 KiB, which are the parents of 16 MiB of content. */
const WINDOW_PARENTS = 1024

/**
 * Yields the encoding of the groups of `range` in chunks of up to 1 MiB, each in a separate buffer.
 * While the caller handles a chunk, the next one is read. Throws blake3.altered if content or
 * outboard don't match the hash. It never yields a part of a bad chunk.
 */
export async function* encode(
  source: EncodeSource,
  range: GroupRange,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ChunkReader(source, range)
  const verifier = new Verifier(kernel(), source.root, {
    size: source.size,
    range,
    groupBytes: source.groupBytes ?? GROUP_BYTES,
  })
  let reading = ahead(reader)
  try {
    for (let sent = 0; ; ) {
      const chunk = await reading
      if (chunk === undefined) return
      // The finally block must not release a chunk that assemble() has released.
      reading = NOTHING
      const bytes = assemble(verifier, chunk, sent, source.size)
      sent += bytes.length
      signal?.throwIfAborted()
      reading = ahead(reader)
      yield bytes
      signal?.throwIfAborted()
    }
  } finally {
    // The caller may close the files after this, so the read and the use of its slot must end
    // first.
    const [rest] = await Promise.allSettled([reading])
    if (rest.status === 'fulfilled') rest.value?.slot.release()
  }
}

/** The data of the next items of the encoding. */
interface Chunk {
  /** The content of the groups, one after another. */
  readonly slot: Slot
  readonly parents: Uint8Array
  readonly items: number
  /** The number of bytes of all items. */
  readonly length: number
}

const NOTHING: Promise<undefined> = Promise.resolve(undefined)

/** Starts to read a chunk. A later await reports a failure. */
function ahead(reader: ChunkReader): Promise<Chunk | undefined> {
  const reading = reader.next()
  reading.catch(() => undefined)
  return reading
}

/** Verifies a chunk's items, copies them in their order, and releases the slot. */
function assemble(
  verifier: Verifier,
  { slot, parents, items, length }: Chunk,
  sent: number,
  size: number,
): Uint8Array {
  try {
    const memory = kernel().bytes
    const header = sent === 0 ? HEADER_BYTES : 0
    const bytes = Buffer.allocUnsafeSlow(header + length)
    if (header > 0) bytes.writeBigUInt64LE(BigInt(size))
    for (let item = 0, at = header, parent = 0, content = 0; item < items; item += 1) {
      verifier.next()
      const { length: count, walk } = verifier
      let place = INPUT_AT
      if (walk.parent) {
        memory.set(parents.subarray(parent, parent + PARENT_BYTES), INPUT_AT)
        parent += PARENT_BYTES
      } else {
        place = slot.place(content, count)
        content += count
      }
      if (!verifier.check(place)) {
        throw blake3Error('blake3.altered', {
          part: walk.parent ? 'a tree node' : 'the content',
          offset: sent + at,
        })
      }
      bytes.set(memory.subarray(place, place + count), at)
      at += count
    }
    return bytes
  } finally {
    slot.release()
  }
}

/** Reads content and parents ahead of the verifier. */
class ChunkReader {
  readonly #source: EncodeSource
  readonly #groupBytes: number
  readonly #parents: number
  readonly #range: GroupRange
  readonly #walk: Walk
  readonly #window = Buffer.allocUnsafe(WINDOW_PARENTS * PARENT_BYTES)
  // The parents in the window.
  #windowStart = 0
  #windowEnd = 0

  constructor(source: EncodeSource, range: GroupRange) {
    this.#source = source
    this.#groupBytes = source.groupBytes ?? GROUP_BYTES
    const groups = groupCount(source.size, this.#groupBytes)
    this.#parents = groups - 1
    this.#range = range
    this.#walk = new Walk(groups, range)
  }

  async next(): Promise<Chunk | undefined> {
    const parents = Buffer.allocUnsafe(CHUNK_PARENTS * PARENT_BYTES)
    let [items, groups, nodes, position, content] = [0, 0, 0, 0, 0]
    while (groups < CHUNK_GROUPS && this.#walk.next()) {
      const { parent, start: group, index } = this.#walk
      items += 1
      if (parent) {
        if (index < this.#windowStart || index >= this.#windowEnd)
          await this.#fillWindow(index, group)
        const from = (index - this.#windowStart) * PARENT_BYTES
        nodes += this.#window.copy(parents, nodes, from, from + PARENT_BYTES)
        continue
      }
      if (groups === 0) position = group * this.#groupBytes
      groups += 1
      content += groupLength(group, this.#source.size, this.#groupBytes)
    }
    if (items === 0) return undefined
    const slot = takeSlot()
    try {
      if (content > 0) await this.#source.readContent(slot.bytes.subarray(0, content), position)
    } catch (error) {
      slot.release()
      throw error
    }
    return { slot, parents, items, length: nodes + content }
  }

  async #fillWindow(index: number, group: number): Promise<void> {
    // On the path to a range that begins further right, the next parent isn't adjacent. Near the
    // end of the range, only few parents are left.
    const following = this.#walk.left ? this.#range.end - group + PATH_PARENTS : 1
    const count = Math.min(WINDOW_PARENTS, this.#parents - index, following)
    this.#windowEnd = this.#windowStart
    const got = await this.#source.readParents(
      this.#window.subarray(0, count * PARENT_BYTES),
      index,
    )
    this.#windowStart = index
    this.#windowEnd = index + got
  }
}
