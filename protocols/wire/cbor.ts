/**
 * Deterministic CBOR (RFC 8949 section 4.2) of plain values: maps with text keys, arrays, integers,
 * booleans, null, text, byte strings. Decoding is strict: no indefinite lengths, no duplicate keys,
 * no numbers longer than needed, no floats that are not numbers, no tags, no undefined, nesting
 * bounded before it can exhaust the stack. What is absent is a missing key, never `undefined`.
 */
import { type DecodeOptions, Tokenizer, decode, encode } from 'cborg'
import { wireError } from './errors.ts'

/**
 * Deeper than any message of ours (a log entry inside a proof inside a response is 5), far below
 * the stack.
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
 * Refuses nesting deeper than {@link MAX_DEPTH} as the tokens go by; cborg's decoder recurses
 * without a bound.
 */
class BoundedTokenizer extends Tokenizer {
  /** Items still to come in each open container. Owned by next(). */
  readonly #open: number[] = []

  override next(): ReturnType<Tokenizer['next']> {
    const token = super.next()
    const top = this.#open.length - 1
    if (top >= 0) this.#open[top] = (this.#open[top] as number) - 1
    const { name } = token.type
    if ((name === 'array' || name === 'map') && token.value > 0) {
      if (this.#open.length === MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH}`)
      this.#open.push(name === 'map' ? token.value * 2 : token.value)
    }
    while (this.#open.at(-1) === 0) this.#open.pop()
    return token
  }
}

/** The one encoding of `value`. Object properties that are `undefined` are left out. */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value, { ignoreUndefinedProperties: true })
}

/** The value of exactly these bytes; `what` names them in the error. */
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
