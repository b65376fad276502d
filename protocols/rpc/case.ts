/**
 * The form of a protocol's `cases.ts`: messages and the exact bytes that stand for them, which
 * `messages.test.ts` runs in both directions.
 */
export interface Case {
  /** Unique within the protocol; says what the case shows. */
  readonly id: string
  readonly method: string
  readonly part: 'request' | 'response' | 'progress'
  readonly message: unknown
  /** The CBOR of the message in hex; blanks are for the reader's eye. */
  readonly hex: string
}
