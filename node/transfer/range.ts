/**
 * One range from one provider: the place where a peer's bytes go from the network to the verifier.
 * The provider is cut off at the first group that doesn't verify, at the first byte beyond the
 * range, and when nothing comes for a while; what was verified before stays.
 */
import type { ByteRange } from '../../shared/blake3/geometry.ts'
import { blobError } from '../../shared/blobs/errors.ts'
import type { Incoming } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import { blobs } from '../../protocols/blobs/protocol.ts'
import type { Client } from '../../protocols/rpc/call.ts'
import { wireError } from '../../protocols/wire/errors.ts'

export interface RangeOptions {
  readonly signal: AbortSignal
  /** Without a byte for so long, the provider counts as stalled. */
  readonly stallMs: number
}

/**
 * Our own disk failed, not the provider: its cause is what the pool threw. A refusal of a provider
 * may carry the same codes.
 */
export class OwnFailure extends Error {
  constructor(cause: unknown) {
    super('the pool failed', { cause })
  }
}

/**
 * Fetches the range into `incoming`; resolves once it is verified and written. Rejects with
 * blob.altered, blob.truncated, protocol.timeout, the provider's refusal, or the signal's reason;
 * the client is of no more use then.
 */
export async function fetchRange(
  deps: { clock: Clock },
  client: Client<typeof blobs>,
  incoming: Incoming,
  range: ByteRange,
  options: RangeOptions,
): Promise<void> {
  const sink = incoming.decoder(range)
  // Infinity while the disk has the bytes: that wait is not the provider's fault.
  let lastAt = deps.clock.monotonic()
  const stalled = new AbortController()
  const stopWatch = deps.clock.every(Math.max(10, options.stallMs / 4), () => {
    if (deps.clock.monotonic() - lastAt > options.stallMs)
      stalled.abort(
        wireError('protocol.timeout', { what: `blob ${incoming.id}`, ms: options.stallMs }),
      )
  })
  try {
    await client.call(
      'fetch',
      { id: incoming.id, size: incoming.size, ...range },
      {
        signal: AbortSignal.any([options.signal, stalled.signal]),
        onData: (bytes) => {
          const written = ours(() => sink.write(bytes))
          lastAt = written === undefined ? deps.clock.monotonic() : Number.POSITIVE_INFINITY
          return written?.then(() => {
            lastAt = deps.clock.monotonic()
          })
        },
      },
    )
    sink.end()
    await ours(() => sink.drained())
  } finally {
    stopWatch()
    // Of a sink that isn't done the verified groups stay; once they have landed, what is still
    // missing can be asked of somebody else.
    sink.close()
    await sink.drained().catch(() => undefined)
  }
}

/** Runs a step of the sink; a failure that is not about what the provider sent is our own. */
function ours(step: () => void | Promise<void>): void | Promise<void> {
  const judge = (error: unknown): never => {
    throw blobError.is(error) && error.exit === 'verification' ? error : new OwnFailure(error)
  }
  try {
    return step()?.catch(judge)
  } catch (error) {
    return judge(error)
  }
}
