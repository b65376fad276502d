/**
 * The transport of every protocol: an ordered, reliable, two-way byte stream between two parties,
 * such as a libp2p stream or a unix socket. An implementation must have real backpressure: `write`
 * resolves only when more may be written.
 */
export interface Duplex {
  /**
   * The bytes of the other side, in order. It ends after a half-close, throws after a reset or a
   * failure, and can be iterated once.
   */
  readonly source: AsyncIterable<Uint8Array>
  /**
   * Sends the chunks in order. Resolves when the transport accepts more, and rejects if the stream
   * failed. The caller must not change the chunks afterwards, because they are not copied. Only one
   * write may run at a time.
   */
  write(chunk: Uint8Array, ...more: Uint8Array[]): Promise<void>
  /**
   * Half-closes: the other side's source ends after the written bytes. This side can still read. A
   * second call does nothing.
   */
  close(): Promise<void>
  /**
   * Ends both directions at once and discards buffered bytes. The other side gets a reset. A second
   * call does nothing.
   */
  abort(reason: Error): void
}
