/**
 * Decodes a combined encoding (bao specification, "Combined Encoding Format" and "Slice Format") as it arrives, for the whole content or for a range of
 * groups. Only verified groups come out, in batches; a false byte stops it at the item that holds it, and a false length at the latest at the last group.
 */
import { blake3Error } from './errors.ts'
import { type ByteRange, GROUP_BYTES, groupsOf, HEADER_BYTES, MAX_BLOB_BYTES } from './geometry.ts'
import { kernel } from './kernel.ts'
import { BATCH_GROUPS, SLOT_BYTES } from './memory.ts'
import { type Slot, takeSlot } from './slot.ts'
import { Verifier } from './verifier.ts'

/** Verified bytes, where they arrived. They stay until `release`. */
export interface Batch {
  /** Where the groups stand in the content: bytes from `start` up to `end`. */
  readonly start: number
  readonly end: number
  /** The bytes of these groups, in pieces. */
  readonly content: readonly Uint8Array[]
  /** Parents that came with them: runs of nodes that follow one another in pre-order, from place `index` on. */
  readonly parents: readonly { readonly index: number; readonly bytes: readonly Uint8Array[] }[]
  release(): void
}

export interface DecodeOptions {
  /** The hash of the whole content, 32 bytes. */
  readonly root: Uint8Array
  /** The size that the header must announce; without it any up to `maxSize` (default 256 GiB) is taken, to be proved by the last group. */
  readonly size?: number
  readonly maxSize?: number
  /** The bytes that were asked for; default all. */
  readonly range?: ByteRange
  readonly groupBytes?: number
}

export class Decoder {
  readonly #options: DecodeOptions
  readonly #emit: (batch: Batch) => void
  readonly #header = new Uint8Array(HEADER_BYTES)
  // Undefined until the header is whole.
  #verifier: Verifier | undefined
  #size = -1
  // What the current item still lacks, and where it began in the slot.
  #need = HEADER_BYTES
  #itemAt = 0
  #slot: SharedSlot | undefined
  #batch: OpenBatch | undefined
  #consumed = 0
  #done = false
  #failure: unknown

  /** `emit` gets each batch and owns it from then on. */
  constructor(options: DecodeOptions, emit: (batch: Batch) => void) {
    this.#options = options
    this.#emit = emit
  }

  /** True once the whole encoding has been verified. */
  get done(): boolean {
    return this.#done
  }

  /** The announced size; trustworthy only when the content's last group has been verified. -1 before the header is there. */
  get size(): number {
    return this.#size
  }

  /** Bytes of the encoding that were taken in. */
  get consumed(): number {
    return this.#consumed
  }

  /** Takes the encoding's next bytes, copying them. Throws blake3.altered, .size, .trailing or .range; verified groups before the bad item have been emitted. */
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

  /** Says that no more bytes come. Throws blake3.truncated unless the encoding is whole. */
  end(): void {
    if (this.#done) return
    this.close()
    throw this.#failure
  }

  /** Emits the verified groups that wait for a batch to fill. */
  flush(): void {
    const batch = this.#batch
    this.#batch = undefined
    if (batch !== undefined) this.#emit(batch.close())
  }

  /** Emits what is verified and gives up the rest; a later write throws. */
  close(): void {
    const expected = this.#verifier === undefined ? `${this.#need} bytes more of the header` : `${this.#need} bytes or more`
    if (!this.#done) this.#failure ??= blake3Error('blake3.truncated', { expected, got: this.#consumed })
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
    if (offset < bytes.length) throw blake3Error('blake3.trailing', { bytes: bytes.length - offset })
  }

  #place(piece: Uint8Array): void {
    const slot = this.#slot as SharedSlot
    slot.bytes.set(piece, slot.filled)
    slot.filled += piece.length
  }

  #itemWhole(): void {
    if (this.#verifier === undefined) this.#start()
    else this.#verify(this.#verifier)
    this.#nextItem(this.#verifier as Verifier)
  }

  /** Reads the header. The announced size is compared before anything is made of it. */
  #start(): void {
    const view = new DataView(this.#header.buffer)
    const size = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true)
    const { size: expected, maxSize = MAX_BLOB_BYTES, root, range, groupBytes = GROUP_BYTES } = this.#options
    if (expected !== undefined ? size !== expected : size > maxSize) {
      throw blake3Error('blake3.size', { expected: expected === undefined ? `at most ${maxSize}` : `${expected}`, got: size })
    }
    this.#size = size
    this.#verifier = new Verifier(kernel(), root, { size, range: groupsOf(range ?? { start: 0, end: size }, size, groupBytes), groupBytes })
  }

  #nextItem(verifier: Verifier): void {
    if (!verifier.next()) {
      this.#done = true
      this.flush()
      this.#dropSlot()
      return
    }
    this.#need = verifier.length
    if (this.#slot !== undefined && this.#slot.filled + this.#need > SLOT_BYTES) {
      this.flush()
      this.#dropSlot()
    }
    this.#slot ??= new SharedSlot()
    this.#itemAt = this.#slot.filled
    // The empty content is a group of no bytes, and must be checked all the same: any root would do for it otherwise.
    if (this.#need === 0) this.#itemWhole()
  }

  #verify(verifier: Verifier): void {
    const slot = this.#slot as SharedSlot
    const length = slot.filled - this.#itemAt
    const { parent, start, index } = verifier.walk
    if (!verifier.check(slot.place(this.#itemAt, length))) {
      throw blake3Error('blake3.altered', { part: parent ? 'a tree node' : 'the content', offset: this.#consumed - length })
    }
    const bytes = slot.bytes.subarray(this.#itemAt, slot.filled)
    this.#batch ??= new OpenBatch(slot)
    if (parent) this.#batch.addParent(index, bytes)
    else this.#batch.addGroup(start * (this.#options.groupBytes ?? GROUP_BYTES), bytes)
    if (this.#batch.groups === BATCH_GROUPS) this.flush()
  }

  #dropSlot(): void {
    this.#slot?.release()
    this.#slot = undefined
  }
}

/** A slot that is given back when the decoder and every batch in it have let go. */
class SharedSlot {
  readonly #slot: Slot = takeSlot()
  #holders = 1
  filled = 0

  get bytes(): Uint8Array {
    return this.#slot.bytes
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

class OpenBatch {
  readonly #slot: SharedSlot
  readonly #content: Uint8Array[] = []
  readonly #parents: { index: number; bytes: Uint8Array[] }[] = []
  #start = 0
  #end = 0
  groups = 0

  constructor(slot: SharedSlot) {
    this.#slot = slot
    slot.retain()
  }

  addParent(index: number, bytes: Uint8Array): void {
    const run = this.#parents.at(-1)
    if (run !== undefined && run.index + run.bytes.length === index) run.bytes.push(bytes)
    else this.#parents.push({ index, bytes: [bytes] })
  }

  addGroup(start: number, bytes: Uint8Array): void {
    if (this.groups === 0) this.#start = start
    this.#end = start + bytes.length
    this.groups += 1
    this.#content.push(bytes)
  }

  close(): Batch {
    const slot = this.#slot
    let held = true
    return {
      start: this.#start,
      end: this.groups === 0 ? this.#start : this.#end,
      content: this.#content,
      parents: this.#parents,
      release: () => {
        if (held) slot.release()
        held = false
      },
    }
  }
}
