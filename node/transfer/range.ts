/**
 * Fetches one range from one provider and verifies it. The fetch ends at a group that doesn't
 * verify, a byte beyond the range, or a stall. Verified groups are kept.
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
  /** A provider without a byte for this time has stalled. */
  readonly stallMs: number
}

/**
 * A failure of this node's disk. A provider's errors may have the same codes, so this class
 * distinguishes them. The cause is the pool's error.
 */
export class OwnFailure extends Error {
  constructor(cause: unknown) {
    super('the pool failed', { cause })
  }
}

/**
 * Fetches the range into `incoming`. Resolves when the range is verified and written. After an
 * error, the client can't be used any more.
 * @throws blob.altered, blob.truncated, protocol.timeout, the provider's error, the signal's reason
 */
export async function fetchRange(
  deps: { clock: Clock },
  client: Client<typeof blobs>,
  incoming: Incoming,
  range: ByteRange,
  options: RangeOptions,
): Promise<void> {
  const sink = incoming.decoder(range)
  // The value is Infinity during writes, because the provider isn't responsible for this node's
  // disk.
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
    // The verified groups of an unfinished sink are kept. When they are written, another provider
    // can get the missing ranges.
    sink.close()
    await sink.drained().catch(() => undefined)
  }
}

/**
 * Runs a step of the sink. A failure that isn't about the provider's data becomes an OwnFailure.
 */
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
