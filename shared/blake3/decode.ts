/**
 * Decodes a combined encoding (bao specification, "Combined Encoding Format" and "Slice Format") as
 * it arrives, for the whole content or a range of groups. It emits only verified groups, in
 * batches. At a false byte it stops at that item. A false length stops it at the last group at the
 * latest.
 */
import { blake3Error } from './errors.ts'
import {
  type ByteRange,
  GROUP_BYTES,
  groupsOf,
  HEADER_BYTES,
  MAX_BLOB_BYTES,
  PARENT_BYTES,
} from './geometry.ts'
import { kernel } from './kernel.ts'
import { BATCH_BYTES, BATCH_GROUPS, SLOT_BYTES } from './memory.ts'
import { type Slot, takeSlot } from './slot.ts'
import { Verifier } from './verifier.ts'

/** Verified bytes, which stay in memory until `release`. */
export interface Batch {
  /** The position in the content: bytes `start` to `end`. */
  readonly start: number
  readonly end: number
  /** The number of groups. It is 0 if only parents have arrived, and 1 for the empty content. */
  readonly groups: number
  /** The bytes of these groups. */
  readonly content: Uint8Array
  /**
   * The parents that arrived with the groups: runs of consecutive nodes in pre-order, starting at
   * place `index`.
   */
  readonly parents: readonly { readonly index: number; readonly bytes: Uint8Array }[]
  release(): void
}

export interface DecodeOptions {
  /** The hash of the whole content, 32 bytes. */
  readonly root: Uint8Array
  /**
   * The size that the header must contain. If it is absent, any size up to `maxSize` (default 256
   * GiB) is accepted, and the last group proves it.
   */
  readonly size?: number
  readonly maxSize?: number
  /** The requested bytes. Default: all. */
  readonly range?: ByteRange
  readonly groupBytes?: number
}

export class Decoder {
  readonly #options: DecodeOptions
  readonly #emit: (batch: Batch) => void
  readonly #header = new Uint8Array(HEADER_BYTES)
  // Undefined until the header is complete.
  #verifier: Verifier | undefined
  #size = -1
  // The number of missing bytes of the current item, and the position of its next byte in the slot.
  #need = HEADER_BYTES
  #at = 0
  #slot: SharedSlot | undefined
  #batch: OpenBatch | undefined
  #consumed = 0
  #done = false
  #failure: unknown

  /** `emit` owns each batch that it gets. */
  constructor(options: DecodeOptions, emit: (batch: Batch) => void) {
    this.#options = options
    this.#emit = emit
  }

  /** True once the whole encoding has been verified. */
  get done(): boolean {
    return this.#done
  }

  /**
   * The size in the header, which only the content's last group proves. It is -1 before the header
   * is read.
   */
  get size(): number {
    return this.#size
  }

  /** The number of bytes of the encoding that were consumed. */
  get consumed(): number {
    return this.#consumed
  }

  /**
   * Takes the next bytes of the encoding and copies them. Throws blake3.altered, .size or
   * .trailing. Before that, it emits the verified groups before the bad item.
   */
  write(bytes: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure
    try {
      this.#write(bytes)
    } catch (error) {
      this.#failure = error
      this.flush()
      this.#dropSlot()
      throw error
    }
  }

  /** Marks the end of the input. Throws blake3.truncated unless the encoding is complete. */
  end(): void {
    if (this.#done) return
    this.close()
    throw this.#failure
  }

  /** Emits the verified groups of an unfilled batch. */
  flush(): void {
    const batch = this.#batch
    this.#batch = undefined
    if (batch !== undefined) this.#emit(batch.close())
  }

  /** Emits the verified groups and discards the rest. A later write throws. */
  close(): void {
    const expected =
      this.#verifier === undefined
        ? `${this.#need} bytes more of the header`
        : `${this.#need} bytes or more`
    if (!this.#done)
      this.#failure ??= blake3Error('blake3.truncated', { expected, got: this.#consumed })
    this.flush()
    this.#dropSlot()
  }

  #write(bytes: Uint8Array): void {
    let offset = 0
    while (offset < bytes.length && !this.#done) {
      const count = Math.min(this.#need, bytes.length - offset)
      const piece = count === bytes.length ? bytes : bytes.subarray(offset, offset + count)
      if (this.#verifier === undefined) this.#header.set(piece, HEADER_BYTES - this.#need)
      else this.#place(piece)
      offset += count
      this.#consumed += count
      this.#need -= count
      if (this.#need === 0) this.#itemWhole()
    }
    if (offset < bytes.length)
      throw blake3Error('blake3.trailing', { bytes: bytes.length - offset })
  }

  #place(piece: Uint8Array): void {
    const slot = this.#slot as SharedSlot
    slot.bytes.set(piece, this.#at)
    this.#at += piece.length
  }

  #itemWhole(): void {
    const verifier = this.#verifier ?? this.#start()
    if (verifier === this.#verifier) this.#verify(verifier)
    this.#verifier = verifier
    this.#nextItem(verifier)
  }

  /** Reads the header. Checks its size before the size is used. */
  #start(): Verifier {
    const view = new DataView(this.#header.buffer)
    const size = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true)
    const {
      size: expected,
      maxSize = MAX_BLOB_BYTES,
      root,
      range,
      groupBytes = GROUP_BYTES,
    } = this.#options
    if (expected !== undefined ? size !== expected : size > maxSize) {
      throw blake3Error('blake3.size', {
        expected: expected === undefined ? `at most ${maxSize}` : `${expected}`,
        got: size,
      })
    }
    this.#size = size
    return new Verifier(kernel(), root, {
      size,
      range: groupsOf(range ?? { start: 0, end: size }, size, groupBytes),
      groupBytes,
    })
  }

  #nextItem(verifier: Verifier): void {
    if (!verifier.next()) {
      this.#done = true
      this.flush()
      this.#dropSlot()
      return
    }
    this.#need = verifier.length
    const { parent } = verifier.walk
    if (this.#slot?.hasRoom(parent, this.#need) === false) {
      this.flush()
      this.#dropSlot()
    }
    this.#slot ??= new SharedSlot()
    this.#at = this.#slot.reserve(parent, this.#need)
    // The empty content is a group without bytes. It must be verified, because otherwise any root
    // would match it.
    if (this.#need === 0) this.#itemWhole()
  }

  #verify(verifier: Verifier): void {
    const slot = this.#slot as SharedSlot
    const { length } = verifier
    const { parent, start, index } = verifier.walk
    const at = this.#at - length
    if (!verifier.check(slot.place(at, length))) {
      throw blake3Error('blake3.altered', {
        part: parent ? 'a tree node' : 'the content',
        offset: this.#consumed - length,
      })
    }
    this.#batch ??= new OpenBatch(slot)
    if (parent) this.#batch.addParent(index, at)
    else this.#batch.addGroup(start * (this.#options.groupBytes ?? GROUP_BYTES), at, length)
    if (this.#batch.groups === BATCH_GROUPS) this.flush()
  }

  #dropSlot(): void {
    this.#slot?.release()
    this.#slot = undefined
  }
}

/**
 * A slot that is released when the decoder and all its batches have released it. Groups fill it
 * from the start, and parents from BATCH_BYTES on. So a batch is one piece of content and few
 * pieces of parents.
 */
class SharedSlot {
  readonly #slot: Slot = takeSlot()
  #holders = 1
  #content = 0
  #parents = BATCH_BYTES

  get bytes(): Uint8Array {
    return this.#slot.bytes
  }

  hasRoom(parent: boolean, length: number): boolean {
    return parent ? this.#parents + length <= SLOT_BYTES : this.#content + length <= BATCH_BYTES
  }

  /** The place of the next item. */
  reserve(parent: boolean, length: number): number {
    const at = parent ? this.#parents : this.#content
    if (parent) this.#parents += length
    else this.#content += length
    return at
  }

  place(offset: number, length: number): number {
    return this.#slot.place(offset, length)
  }

  retain(): void {
    this.#holders += 1
  }

  release(): void {
    this.#holders -= 1
    if (this.#holders === 0) this.#slot.release()
  }
}

/**
 * Verified items of one slot. They are adjacent, because only items are written to it, in order.
 */
class OpenBatch {
  readonly #slot: SharedSlot
  readonly #runs: { index: number; at: number; count: number }[] = []
  #start = 0
  #contentAt = 0
  #length = 0
  groups = 0

  constructor(slot: SharedSlot) {
    this.#slot = slot
    slot.retain()
  }

  addParent(index: number, at: number): void {
    const run = this.#runs.at(-1)
    if (run !== undefined && run.index + run.count === index) run.count += 1
    else this.#runs.push({ index, at, count: 1 })
  }

  addGroup(start: number, at: number, length: number): void {
    if (this.groups === 0) {
      this.#start = start
      this.#contentAt = at
    }
    this.groups += 1
    this.#length += length
  }

  close(): Batch {
    const slot = this.#slot
    let held = true
    return {
      start: this.#start,
      end: this.#start + this.#length,
      groups: this.groups,
      content: slot.bytes.subarray(this.#contentAt, this.#contentAt + this.#length),
      parents: this.#runs.map(({ index, at, count }) => ({
        index,
        bytes: slot.bytes.subarray(at, at + count * PARENT_BYTES),
      })),
      release: () => {
        if (held) slot.release()
        held = false
      },
    }
  }
}
