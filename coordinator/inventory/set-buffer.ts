/** Collects the bytes of a host's full package set. It checks the size before it stores a part. */
import { factsRefusal } from '../../protocols/facts/errors.ts'
import { MAX_SET_BYTES } from '../../shared/facts/package-set.ts'

export class SetBuffer {
  readonly #host: string
  readonly #parts: Uint8Array[] = []
  #bytes = 0

  constructor(host: string) {
    this.#host = host
  }

  /** Copies the part. @throws inventory.refused if the set becomes too large */
  add(part: Uint8Array): void {
    this.#bytes += part.length
    if (this.#bytes > MAX_SET_BYTES)
      throw factsRefusal('inventory.refused', {
        host: this.#host,
        reason: `the set is larger than ${MAX_SET_BYTES} bytes`,
      })
    this.#parts.push(part.slice())
  }

  /** Returns all bytes. Undefined if no bytes were added. */
  join(): Uint8Array | undefined {
    return this.#bytes > 0 ? Buffer.concat(this.#parts) : undefined
  }
}
