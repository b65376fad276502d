/**
 * The transport of every protocol: an ordered, reliable, two-way byte stream between two parties,
 * such as a libp2p stream or a unix socket. An implementation must have real backpressure: `write`
 * resolves only when more may be written.
 */
export interface Duplex {
  /**
   * The bytes of the other side, in order. Ends after its half-close; throws after a reset or a
   * failure. Iterated once.
   */
  readonly source: AsyncIterable<Uint8Array>
  /**
   * Sends the chunks in order. Resolves when the transport accepts more; rejects if the stream
   * failed. Nothing is copied, so the caller must not change the chunks afterwards. One write at a
   * time.
   */
  write(chunk: Uint8Array, ...more: Uint8Array[]): Promise<void>
  /**
   * Half-closes: the other side's source ends after the written bytes. This side can still read.
   * Idempotent.
   */
  close(): Promise<void>
  /**
   * Ends both directions at once and discards buffered bytes. Idempotent. The other side sees a
   * reset.
   */
  abort(reason: Error): void
}
