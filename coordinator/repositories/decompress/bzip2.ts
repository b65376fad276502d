/**
 * Decodes bzip2, which old repositories use and node:zlib doesn't have. It decodes all streams and
 * verifies their checksums. At most one block (900,000 bytes) is in memory. bzip2 1.0.8
 * (decompress.c) defines the format, and "bzip2 file format" by Joe Tsai describes it.
 */
import { Undecodable } from './undecodable.ts'

const BLOCK_MAGIC = 0x314159265359
const END_MAGIC = 0x177245385090
/** Symbols of one selector. */
const GROUP = 50
const MAX_CODE_BITS = 20

export async function* bunzip2(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const bits = new BitReader(source[Symbol.asyncIterator]())
  try {
    do yield* blocksOfStream(bits)
    while (await bits.more())
  } finally {
    await bits.close()
  }
}

async function* blocksOfStream(bits: BitReader): AsyncGenerator<Uint8Array> {
  const capacity = (await streamHeader(bits)) * 100_000
  let combined = 0
  for (;;) {
    const { magic, crc } = await blockHeader(bits)
    if (magic === END_MAGIC) return endStream(bits, crc, combined)
    const block = readBlock(bits, capacity)
    checkBlock(block, crc)
    combined = (((combined << 1) | (combined >>> 31)) ^ crc) >>> 0
    yield block
  }
}

async function blockHeader(bits: BitReader): Promise<{ magic: number; crc: number }> {
  await bits.fill()
  const magic = bits.number(24) * 2 ** 24 + bits.number(24)
  if (magic !== END_MAGIC && magic !== BLOCK_MAGIC)
    throw new Undecodable('a block does not begin as a block')
  return { magic, crc: bits.number(32) }
}

function checkBlock(block: Uint8Array, crc: number): void {
  if (crc32(block) !== crc) throw new Undecodable('the checksum of a block is wrong')
}

function endStream(bits: BitReader, crc: number, combined: number): void {
  if (crc !== combined) throw new Undecodable('the checksum of a stream is wrong')
  bits.align()
}

async function streamHeader(bits: BitReader): Promise<number> {
  await bits.fill()
  const level = bits.number(24) === 0x425a68 ? bits.number(8) - 0x30 : 0
  if (level < 1 || level > 9) throw new Undecodable('something that is not a bzip2 stream follows')
  return level
}

/** Decodes one block: Huffman codes, move-to-front, Burrows-Wheeler, run lengths, in this order. */
function readBlock(bits: BitReader, capacity: number): Buffer {
  if (bits.number(1) === 1)
    throw new Undecodable('a block is randomised, which bzip2 has not written since 1997')
  const origin = bits.number(24)
  const symbols = usedSymbols(bits)
  const { transformed, count } = readSymbols(bits, symbols, capacity)
  if (origin >= count) throw new Undecodable('the origin of a block lies outside it')
  invert(transformed, count)
  return unrun(transformed, count, origin)
}

function usedSymbols(bits: BitReader): Uint8Array {
  const ranges = bits.number(16)
  const used: number[] = []
  for (let range = 0; range < 16; range += 1) {
    if ((ranges & (0x8000 >> range)) === 0) continue
    const members = bits.number(16)
    for (let member = 0; member < 16; member += 1)
      if ((members & (0x8000 >> member)) !== 0) used.push(range * 16 + member)
  }
  if (used.length === 0) throw new Undecodable('a block uses no symbols')
  return Uint8Array.from(used)
}

function readSymbols(
  bits: BitReader,
  used: Uint8Array,
  capacity: number,
): { transformed: Uint32Array; count: number } {
  const alphabet = used.length + 2
  const codes = readCodes(bits, alphabet)
  const output = new SymbolOutput(used, capacity)
  const endOfBlock = alphabet - 1
  for (;;) {
    const symbol = codes.next()
    if (symbol <= 1) {
      output.addToRun(symbol)
      continue
    }
    output.endRun()
    if (symbol === endOfBlock) return output
    output.addFromList(symbol - 1)
  }
}

/** Reads the Huffman codes of a block. */
function readCodes(bits: BitReader, alphabet: number): BlockCodes {
  const groups = bits.number(3)
  const selectorCount = bits.number(15)
  if (groups < 2 || groups > 6 || selectorCount < 1)
    throw new Undecodable('a block has no valid Huffman groups')
  const selectors = readSelectors(bits, groups, selectorCount)
  const tables = Array.from({ length: groups }, () => codeTable(bits, alphabet))
  return new BlockCodes(bits, tables, selectors)
}

/** Reads the move-to-front numbers of the tables that the groups of symbols use. */
function readSelectors(bits: BitReader, groups: number, count: number): Uint8Array {
  const order = Uint8Array.from({ length: groups }, (_, group) => group)
  const selectors = new Uint8Array(count)
  for (let index = 0; index < count; index += 1) {
    let position = 0
    while (bits.number(1) === 1)
      if (++position >= groups) throw new Undecodable('a selector names no group')
    selectors[index] = moveToFront(order, position)
  }
  return selectors
}

/** Moves the value at `position` to the front, and returns it. */
function moveToFront(list: Uint8Array, position: number): number {
  const value = list[position] ?? 0
  list.copyWithin(1, 0, position)
  list[0] = value
  return value
}

/** Decodes symbols. Each selector applies to {@link GROUP} of them. */
class BlockCodes {
  readonly #bits: BitReader
  readonly #tables: readonly CodeTable[]
  readonly #selectors: Uint8Array
  #table: CodeTable | undefined
  #selector = 0
  #left = 0

  constructor(bits: BitReader, tables: readonly CodeTable[], selectors: Uint8Array) {
    this.#bits = bits
    this.#tables = tables
    this.#selectors = selectors
  }

  next(): number {
    if (this.#left === 0) {
      this.#table = this.#tables[this.#selectors[this.#selector++] ?? this.#tables.length]
      this.#left = GROUP
    }
    if (this.#table === undefined) throw new Undecodable('a block has too few selectors')
    this.#left -= 1
    return decode(this.#bits, this.#table)
  }
}

/** Collects the bytes of a block before the inverse transform: runs and move-to-front numbers. */
class SymbolOutput {
  readonly transformed: Uint32Array
  count = 0
  readonly #capacity: number
  readonly #front: Uint8Array
  #run = 0
  #runBit = 1

  constructor(used: Uint8Array, capacity: number) {
    this.transformed = new Uint32Array(capacity)
    this.#capacity = capacity
    this.#front = used.slice()
  }

  /** Adds a digit in bijective base 2: symbol 0 adds the current weight once, symbol 1 twice. */
  addToRun(symbol: number): void {
    this.#run += this.#runBit << symbol
    this.#runBit <<= 1
    if (this.#run > this.#capacity) throw new Undecodable('a run is longer than its block')
  }

  endRun(): void {
    if (this.#run === 0) return
    this.#append(this.#front[0] ?? 0, this.#run)
    this.#run = 0
    this.#runBit = 1
  }

  addFromList(position: number): void {
    this.#append(moveToFront(this.#front, position), 1)
  }

  #append(byte: number, times: number): void {
    const end = this.count + times
    if (end > this.#capacity) throw new Undecodable('a block is longer than its stream allows')
    this.transformed.fill(byte, this.count, end)
    this.count = end
  }
}

interface CodeTable {
  /**
   * The first code of each length, minus the index of its first symbol. Together with `limit`, it
   * decodes canonical Huffman codes.
   */
  base: Int32Array
  limit: Int32Array
  symbols: Uint16Array
}

function codeTable(bits: BitReader, alphabet: number): CodeTable {
  const lengths = new Uint8Array(alphabet)
  let length = bits.number(5)
  for (let symbol = 0; symbol < alphabet; symbol += 1) {
    for (;;) {
      if (length < 1 || length > MAX_CODE_BITS)
        throw new Undecodable('a Huffman code has an impossible length')
      if (bits.number(1) === 0) break
      length += bits.number(1) === 0 ? 1 : -1
    }
    lengths[symbol] = length
  }
  const counts = new Int32Array(MAX_CODE_BITS + 2)
  for (const each of lengths) counts[each] = (counts[each] ?? 0) + 1
  const base = new Int32Array(MAX_CODE_BITS + 1)
  const limit = new Int32Array(MAX_CODE_BITS + 1).fill(-1)
  let code = 0
  let index = 0
  for (let each = 1; each <= MAX_CODE_BITS; each += 1) {
    base[each] = code - index
    code += counts[each] ?? 0
    index += counts[each] ?? 0
    limit[each] = code - 1
    code <<= 1
  }
  const symbols = new Uint16Array(alphabet)
  let at = 0
  for (let each = 1; each <= MAX_CODE_BITS; each += 1)
    for (let symbol = 0; symbol < alphabet; symbol += 1)
      if (lengths[symbol] === each) symbols[at++] = symbol
  return { base, limit, symbols }
}

function decode(bits: BitReader, table: CodeTable): number {
  let code = 0
  for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
    code = (code << 1) | bits.number(1)
    const index = code - (table.base[length] ?? 0)
    if (code <= (table.limit[length] ?? 0) && index >= 0) {
      if (index >= table.symbols.length) break
      return table.symbols[index] ?? 0
    }
  }
  throw new Undecodable('a Huffman code is invalid')
}

/**
 * Inverts the Burrows-Wheeler transform in place. The high 24 bits of each entry become the
 * position of the next entry.
 */
function invert(transformed: Uint32Array, count: number): void {
  const starts = new Uint32Array(256)
  for (let index = 0; index < count; index += 1) increment(starts, transformed[index] ?? 0)
  let sum = 0
  for (let byte = 0; byte < 256; byte += 1) {
    const here = starts[byte] ?? 0
    starts[byte] = sum
    sum += here
  }
  for (let index = 0; index < count; index += 1) {
    const byte = (transformed[index] ?? 0) & 0xff
    const to = starts[byte] ?? 0
    starts[byte] = to + 1
    transformed[to] = ((transformed[to] ?? 0) & 0xff) | (index << 8)
  }
}

function increment(counts: Uint32Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1
}

/** Follows the entries from the origin and expands runs: four equal bytes, then a repeat count. */
function unrun(next: Uint32Array, count: number, origin: number): Buffer {
  let output = Buffer.allocUnsafe(Math.max(64, count * 2))
  let length = 0
  let position = (next[origin] ?? 0) >>> 8
  let repeats = 0
  let previous = -1
  for (let index = 0; index < count; index += 1) {
    const entry = next[position] ?? 0
    const byte = entry & 0xff
    position = entry >>> 8
    // One step writes at most 255 bytes.
    if (length + 256 > output.length)
      output = Buffer.concat([output, Buffer.allocUnsafe(output.length)])
    if (repeats === 4) {
      output.fill(previous, length, length + byte)
      length += byte
      repeats = 0
      previous = -1
      continue
    }
    output[length++] = byte
    repeats = byte === previous ? repeats + 1 : 1
    previous = byte
  }
  return output.subarray(0, length)
}

/** CRC-32 with polynomial 0x04C11DB7, most significant bit first, as bzip2 uses it. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  return crc >>> 0
})

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ byte) & 0xff] ?? 0)
  return ~crc >>> 0
}

/** More than the largest block: 900,000 symbols of 20 bits, and tables. */
const HELD_BYTES = 3 * 1024 * 1024

/** Reads bits, most significant first. Only `fill` waits for input. */
class BitReader {
  #iterator: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)
  #at = 0
  #bits = 0
  #bitCount = 0
  #ended = false

  constructor(iterator: AsyncIterator<Uint8Array>) {
    this.#iterator = iterator
  }

  async fill(): Promise<void> {
    if (this.#held.length - this.#at >= HELD_BYTES || this.#ended) return
    const parts = [this.#held.subarray(this.#at)]
    let size = this.#held.length - this.#at
    while (size < HELD_BYTES) {
      const { value, done } = await this.#iterator.next()
      if (done === true) {
        this.#ended = true
        break
      }
      parts.push(Buffer.from(value.buffer, value.byteOffset, value.length))
      size += value.length
    }
    this.#held = Buffer.concat(parts)
    this.#at = 0
  }

  number(count: number): number {
    if (count > 24) return this.number(count - 24) * 2 ** 24 + this.number(24)
    while (this.#bitCount < count) {
      if (this.#at >= this.#held.length)
        throw new Undecodable('the file ends in the middle of a block')
      this.#bits = ((this.#bits << 8) | (this.#held[this.#at++] ?? 0)) & 0x7fffffff
      this.#bitCount += 8
    }
    this.#bitCount -= count
    return (this.#bits >>> this.#bitCount) & (2 ** count - 1)
  }

  align(): void {
    this.#bitCount = 0
  }

  async more(): Promise<boolean> {
    await this.fill()
    return this.#at < this.#held.length
  }

  async close(): Promise<void> {
    await this.#iterator.return?.()
  }
}
