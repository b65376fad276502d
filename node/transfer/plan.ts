/**
 * Assigns ranges of a blob to providers, without a clock or network. Every missing byte is pending
 * or in flight, and a failed piece becomes pending again. At the end, idle providers also fetch
 * unfinished pieces of others (a race). A piece that takes too long is late. Providers race for it
 * one after another, even if it is small.
 */
import { type ByteRange, GROUP_BYTES } from '../../shared/blake3/geometry.ts'
import { MIB } from '../../shared/units.ts'

/**
 * Smaller pieces cause too many requests. Larger ones give a slow provider too much of the blob.
 */
const MIN_PIECE_BYTES = 1 * MIB
const MAX_PIECE_BYTES = 32 * MIB
/** A race for a smaller part saves no time, unless its provider is late. */
const MIN_DOUBLE_BYTES = 256 * 1024

export interface Piece {
  readonly range: ByteRange
  readonly provider: string
}

export interface Plan {
  /**
   * Returns the next piece for a provider, in order from the start of the blob. `holds` are the
   * provider's ranges, or undefined for the whole blob. Returns undefined if no piece is left for
   * it now. Pieces become smaller towards the end, so that all `workers` end together.
   */
  take(
    provider: string,
    holds: readonly ByteRange[] | undefined,
    workers: number,
  ): Piece | undefined
  /**
   * Returns the missing part of another provider's piece, to race for it. Returns undefined if no
   * race saves time. A `late` piece of any size is assigned, and again when all its racers are
   * late.
   */
  double(
    provider: string,
    holds: readonly ByteRange[] | undefined,
    missing: readonly ByteRange[],
    late: (piece: Piece) => boolean,
  ): Piece | undefined
  /** Removes a piece that is verified. */
  finish(piece: Piece): void
  /**
   * Removes a piece that failed. Its missing ranges become pending, unless other pieces cover them.
   */
  giveBack(piece: Piece, missing: readonly ByteRange[]): void
  /** Returns the number of bytes that are in no piece. */
  pendingBytes(): number
  inFlight(): number
}

/**
 * Creates the plan.
 * @param missing - sorted and without overlaps, like the result of Incoming.missing()
 */
export function createPlan(missing: readonly ByteRange[]): Plan {
  return new RangePlan(missing)
}

class RangePlan implements Plan {
  #pending: readonly ByteRange[]
  readonly #flying = new Set<Piece>()

  constructor(missing: readonly ByteRange[]) {
    this.#pending = missing
  }

  take(
    provider: string,
    holds: readonly ByteRange[] | undefined,
    workers: number,
  ): Piece | undefined {
    const [first] = holds === undefined ? this.#pending : intersect(this.#pending, holds)
    if (first === undefined) return undefined
    const share = roundUp(this.pendingBytes() / (2 * workers))
    const length = Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, share))
    const range = { start: first.start, end: Math.min(first.end, first.start + length) }
    this.#pending = subtract(this.#pending, range)
    return this.#add(range, provider)
  }

  double(
    provider: string,
    holds: readonly ByteRange[] | undefined,
    missing: readonly ByteRange[],
    late: (piece: Piece) => boolean,
  ): Piece | undefined {
    const offered = holds === undefined ? missing : intersect(missing, holds)
    let best: { rest: ByteRange; bytes: number } | undefined
    for (const piece of this.#flying) {
      const racing = this.#racing(piece)
      if (racing.some((other) => other.provider === provider)) continue
      const rest = intersect(offered, [piece.range])
      const bytes = sum(rest)
      const range = rest[0]
      const saves = racing.every(late) || (racing.length === 1 && bytes >= MIN_DOUBLE_BYTES)
      if (range !== undefined && saves && bytes > (best?.bytes ?? -1)) best = { rest: range, bytes }
    }
    return best && this.#add(best.rest, provider)
  }

  finish(piece: Piece): void {
    this.#flying.delete(piece)
  }

  giveBack(piece: Piece, missing: readonly ByteRange[]): void {
    this.#flying.delete(piece)
    let rest = intersect(missing, [piece.range])
    // Ranges that other pieces or pending ranges cover are not added twice.
    for (const other of this.#flying) rest = subtract(rest, other.range)
    for (const range of this.#pending) rest = subtract(rest, range)
    this.#pending = [...this.#pending, ...rest].sort((a, b) => a.start - b.start)
  }

  pendingBytes(): number {
    return sum(this.#pending)
  }

  inFlight(): number {
    return this.#flying.size
  }

  /** Returns the piece and all others that overlap it. */
  #racing(piece: Piece): Piece[] {
    return [...this.#flying].filter((other) => other === piece || overlap(other.range, piece.range))
  }

  #add(range: ByteRange, provider: string): Piece {
    const piece: Piece = { range, provider }
    this.#flying.add(piece)
    return piece
  }
}

/** Returns true if two pieces have bytes in common. Two pieces of an empty blob overlap. */
function overlap(a: ByteRange, b: ByteRange): boolean {
  return (a.start < b.end && b.start < a.end) || (a.start === b.start && a.end === b.end)
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / GROUP_BYTES) * GROUP_BYTES
}

export function sum(ranges: readonly ByteRange[]): number {
  return ranges.reduce((total, { start, end }) => total + end - start, 0)
}

/** Returns the common ranges in order. A range of length 0 (an empty blob) is in every list. */
export function intersect(a: readonly ByteRange[], b: readonly ByteRange[]): ByteRange[] {
  const found: ByteRange[] = []
  for (const x of a) {
    if (x.start === x.end) found.push(x)
    for (const y of b) {
      const start = Math.max(x.start, y.start)
      const end = Math.min(x.end, y.end)
      if (start < end) found.push({ start, end })
    }
  }
  return found.sort((x, y) => x.start - y.start)
}

/** Returns the list without the range. */
export function subtract(list: readonly ByteRange[], range: ByteRange): ByteRange[] {
  return list.flatMap((item) => {
    if (range.end <= item.start || range.start >= item.end)
      return item.start === item.end && item.start === range.start ? [] : [item]
    const rest: ByteRange[] = []
    if (item.start < range.start) rest.push({ start: item.start, end: range.start })
    if (range.end < item.end) rest.push({ start: range.end, end: item.end })
    return rest
  })
}
