/**
 * Encodes and decodes deterministic CBOR (RFC 8949 section 4.2) of plain values: maps with text
 * keys, arrays, integers, booleans, null, text, byte strings. Decoding rejects indefinite lengths,
 * duplicate keys, overlong numbers, NaN, infinities, tags and undefined. Nesting is bounded before
 * it can exhaust the stack. An absent value is a missing key, never `undefined`.
 */
import { type DecodeOptions, Tokenizer, decode, encode } from 'cborg'
import { wireError } from './errors.ts'

/**
 * Deeper than any message of Muster (a log entry in a proof in a response has depth 5), and far
 * below the stack limit.
 */
const MAX_DEPTH = 24

const OPTIONS: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
}

/**
 * Rejects nesting deeper than {@link MAX_DEPTH} while it reads tokens, because cborg's decoder
 * recurses without a bound.
 */
class BoundedTokenizer extends Tokenizer {
  /** The number of missing items of each open container. Owned by next(). */
  readonly #open: number[] = []

  override next(): ReturnType<Tokenizer['next']> {
    const token = super.next()
    const left = this.#open.pop()
    if (left !== undefined) this.#open.push(left - 1)
    const { name } = token.type
    if ((name === 'array' || name === 'map') && token.value > 0) {
      if (this.#open.length === MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH}`)
      this.#open.push(name === 'map' ? token.value * 2 : token.value)
    }
    while (this.#open.at(-1) === 0) this.#open.pop()
    return token
  }
}

/** Returns the only encoding of `value`. Properties that are `undefined` are left out. */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value, { ignoreUndefinedProperties: true })
}

/** Decodes exactly these bytes. `what` names them in the error. */
export function decodeCbor(bytes: Uint8Array, what: string): unknown {
  try {
    return decode(bytes, { ...OPTIONS, tokenizer: new BoundedTokenizer(bytes, OPTIONS) })
  } catch (cause) {
    throw wireError(
      'protocol.malformed',
      { what, reason: 'it is not strict deterministic CBOR' },
      { cause },
    )
  }
}
