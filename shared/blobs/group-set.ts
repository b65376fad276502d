/**
 * Stores a set of group numbers as a bitmap. It grows with the added groups, never with a peer's
 * claim.
 */
import type { GroupRange } from '../blake3/geometry.ts'

export class GroupSet {
  #bits: Uint8Array
  #count = 0
  #prefix = 0

  /** `bits`: bit i of byte j is group 8j + i. Bits from `limit` on are dropped. */
  constructor(bits: Uint8Array = new Uint8Array(0), limit = 0) {
    this.#bits = new Uint8Array(Math.min(bits.length, Math.ceil(limit / 8)))
    for (let group = 0; group < limit && group < bits.length * 8; group += 1) {
      if (((bits[group >> 3] ?? 0) >> (group & 7)) & 1) this.add(group)
    }
  }

  get count(): number {
    return this.#count
  }

  /** The number of groups in the set without a gap, starting at 0. */
  get prefix(): number {
    return this.#prefix
  }

  has(group: number): boolean {
    return (((this.#bits[group >> 3] ?? 0) >> (group & 7)) & 1) === 1
  }

  add(group: number): void {
    const byte = group >> 3
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(byte + 1, this.#bits.length * 2, 64))
      grown.set(this.#bits)
      this.#bits = grown
    }
    if (this.has(group)) return
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (group & 7))
    this.#count += 1
    while (this.has(this.#prefix)) this.#prefix += 1
  }

  addRange(range: GroupRange): void {
    for (let group = range.first; group < range.end; group += 1) this.add(group)
  }

  hasRange(range: GroupRange): boolean {
    for (let group = range.first; group < range.end; group += 1) if (!this.has(group)) return false
    return true
  }

  /**
   * Yields the runs below `limit` that are in the set. If `present` is false, yields the runs that
   * aren't.
   */
  runs(limit: number, present: boolean): GroupRange[] {
    const runs: GroupRange[] = []
    for (let group = 0; group < limit; ) {
      const first = this.#next(group, present, limit)
      if (first === limit) break
      const end = this.#next(first, !present, limit)
      runs.push({ first, end })
      group = end
    }
    return runs
  }

  /**
   * Returns the first group from `from` on that is present (or absent). Returns `limit` if there is
   * none.
   */
  #next(from: number, present: boolean, limit: number): number {
    const nothing = present ? 0 : 0xff
    let group = from
    while (group < limit && this.has(group) !== present) {
      // Skips a byte of 8 groups without a match. Beyond the bitmap all groups are absent.
      const byte = this.#bits[group >> 3]
      if (byte === undefined) return limit
      group += byte === nothing ? 8 - (group & 7) : 1
    }
    return Math.min(group, limit)
  }

  bytes(): Uint8Array {
    return this.#bits.slice()
  }
}
