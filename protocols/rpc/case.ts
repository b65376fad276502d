/**
 * The form of a protocol's `cases.ts`: messages and their exact bytes. `messages.test.ts` converts
 * each into the other.
 */
export interface Case {
  /** A unique description within the protocol. */
  readonly id: string
  readonly method: string
  readonly part: 'request' | 'response' | 'progress'
  readonly message: unknown
  /** The CBOR of the message in hex. Blanks are ignored. */
  readonly hex: string
}
