/** A set of group numbers as a bitmap that grows with what is added, never with what somebody claims. */
import type { GroupRange } from '../blake3/geometry.ts'

export class GroupSet {
  #bits: Uint8Array
  #count = 0
  #prefix = 0

  /** `bits`: bit i of byte j stands for group 8j + i. Those from `limit` on are dropped. */
  constructor(bits: Uint8Array = new Uint8Array(0), limit = 0) {
    this.#bits = new Uint8Array(Math.min(bits.length, Math.ceil(limit / 8)))
    for (let group = 0; group < limit && group < bits.length * 8; group += 1) {
      if (((bits[group >> 3] as number) >> (group & 7)) & 1) this.add(group)
    }
  }

  get count(): number {
    return this.#count
  }

  /** How many groups from 0 on are in the set without a gap. */
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
    this.#bits[byte] = (this.#bits[byte] as number) | (1 << (group & 7))
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

  /** The runs below `limit` that are in the set, or with `present` false those that are not. */
  runs(limit: number, present: boolean): GroupRange[] {
    const runs: GroupRange[] = []
    for (let group = 0; group < limit; ) {
      const first = group
      while (group < limit && this.has(group) === present) group += 1
      if (group > first) runs.push({ first, end: group })
      // Outside the bitmap nothing is present, so the rest is one run or none.
      else group += 1
    }
    return runs
  }

  bytes(): Uint8Array {
    return this.#bits.slice()
  }
}
