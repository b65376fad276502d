/** A bounded cache of the coordinator's responses. The oldest entries are removed first. */
import type { Clock } from '../../shared/clock.ts'

/** The number of responses in memory. A package and a folder need one each. */
const MAX_ENTRIES = 20_000
/**
 * The number of characters of all keys and values together. A listing may have a hundred thousand
 * names, but dnf requests no listings.
 */
const MAX_CHARS = 16 * 1024 * 1024

interface Entry<T> {
  readonly at: number
  readonly value: T
  readonly chars: number
}

export class CatalogCache<T> {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry<T>>()
  #chars = 0

  constructor(deps: { clock: Clock }) {
    this.#clock = deps.clock
  }

  get(key: string): { readonly value: T; readonly ageMs: number } | undefined {
    const entry = this.#entries.get(key)
    return entry && { value: entry.value, ageMs: this.#clock.monotonic() - entry.at }
  }

  set(key: string, value: T): void {
    this.#delete(key)
    const chars = key.length + JSON.stringify(value).length
    this.#entries.set(key, { at: this.#clock.monotonic(), value, chars })
    this.#chars += chars
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES && this.#chars <= MAX_CHARS) break
      this.#delete(oldest)
    }
  }

  #delete(key: string): void {
    this.#chars -= this.#entries.get(key)?.chars ?? 0
    this.#entries.delete(key)
  }
}
