/**
 * What every protocol runs over: an ordered, reliable, two-way byte stream between two parties, be
 * it a libp2p stream or a unix socket. Whoever implements it promises real backpressure: `write`
 * resolves only when more may be written.
 */
export interface Duplex {
  /**
   * What the other side sent, in order. Ends when it half-closed; throws when the stream was reset
   * or broke. Iterated once.
   */
  readonly source: AsyncIterable<Uint8Array>
  /**
   * Sends the chunks one after the other. Resolves once the transport accepts more; rejects when
   * the stream broke. The chunks are given away: nothing is copied, so the caller never changes
   * them again. One write at a time.
   */
  write(chunk: Uint8Array, ...more: Uint8Array[]): Promise<void>
  /** Half-closes: the other side's source ends after what was written; ours goes on. Idempotent. */
  close(): Promise<void>
  /**
   * Ends both directions at once and throws away what is buffered. Idempotent; the other side sees
   * a reset.
   */
  abort(reason: Error): void
}
