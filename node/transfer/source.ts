/**
 * A provider as one fetch sees it: connected when it is needed, asked what it has if nobody said,
 * and left for good when it lies, after a few tries when it stalls. Whether it is any good shows
 * only in what it sends.
 */
import { type ByteRange, GROUP_BYTES } from '../../shared/blake3/geometry.ts'
import { blobError } from '../../shared/blobs/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import { blobs } from '../../protocols/blobs/protocol.ts'
import { type Client, openClient } from '../../protocols/rpc/call.ts'
import type { MusterNode } from '../node.ts'
import { nodeError } from '../ground/errors.ts'
import { sum } from './plan.ts'

/** Who might have the blob: a peer, and where to dial it if it is not connected. */
export interface ProviderHint {
  readonly peer: string
  readonly addresses?: readonly string[] | undefined
  readonly size?: number | undefined
  readonly ranges?: readonly ByteRange[] | undefined
}

/**
 * Stalls, resets and refusals for lack of capacity that are forgiven between two pieces that came.
 */
const MAX_STRIKES = 3

export interface Source {
  readonly peer: string
  /** What it says it has; undefined before {@link ask}. */
  holding: { readonly size: number; readonly ranges: readonly ByteRange[] | undefined } | undefined
  /** False once it is given up. */
  usable: boolean
  /**
   * Finds out what it has, unless the hint said so. Gives it up if it has nothing or can't be
   * reached.
   */
  ask(signal: AbortSignal): Promise<void>
  /**
   * Takes what the tracker says now of a source that has a part. True if it has more than before.
   */
  update(hint: ProviderHint): boolean
  open(signal: AbortSignal): Promise<Client<typeof blobs>>
  /**
   * Judges what went wrong: gives it up at once for bad data and for not having the blob, after a
   * few strikes for the rest.
   */
  blame(error: unknown): void
  /**
   * It brought a piece: what it was blamed for before is forgotten, so that a long fetch outlasts
   * any number of short interruptions.
   */
  praise(): void
  /** What it was blamed for last. */
  lastError: unknown
}

export function createSource(
  deps: { node: MusterNode; clock: Clock; log: Logger },
  id: BlobId,
  hint: ProviderHint,
): Source {
  const { node, clock, log } = deps
  let strikes = 0
  const connect = async (signal: AbortSignal): Promise<void> => {
    if (node.peer(hint.peer) !== undefined) return
    let reason: unknown = nodeError('node.not-connected', { peer: hint.peer })
    for (const address of hint.addresses ?? []) {
      try {
        await node.dial(withPeer(address, hint.peer), signal)
        return
      } catch (error) {
        signal.throwIfAborted()
        reason = error
      }
    }
    throw reason
  }
  const open: Source['open'] = async (signal) => {
    await connect(signal)
    return openClient(blobs, await node.open(hint.peer, blobs.id, signal), { clock })
  }
  const source: Source = {
    peer: hint.peer,
    holding:
      hint.size === undefined
        ? undefined
        : { size: hint.size, ranges: hint.ranges && aligned(hint.ranges, hint.size) },
    usable: true,
    lastError: undefined,
    ask: async (signal) => {
      if (source.holding !== undefined) return
      try {
        const client = await open(signal)
        const { holdings } = await client
          .call('have', { ids: [id] }, { signal })
          .finally(() => void client.close().catch(() => undefined))
        const found = holdings[0]
        if (found?.size === undefined) throw blobError('blob.unknown', { id })
        source.holding = {
          size: found.size,
          ranges: found.ranges && aligned(found.ranges, found.size),
        }
      } catch (error) {
        signal.throwIfAborted()
        source.lastError = error
        source.usable = false
      }
    },
    update: (hint) => {
      const { holding } = source
      if (!source.usable || holding?.ranges === undefined || hint.size !== holding.size)
        return false
      const ranges = hint.ranges && aligned(hint.ranges, hint.size)
      const more = ranges === undefined || sum(ranges) > sum(holding.ranges)
      if (more) source.holding = { size: hint.size, ranges }
      return more
    },
    open,
    praise: () => {
      strikes = 0
    },
    blame: (error) => {
      source.lastError = error
      strikes += 1
      const lies = blobError.is(error) && error.exit === 'verification'
      const fatal = !(error instanceof MusterError) || !error.retryable || lies
      if (!fatal && strikes < MAX_STRIKES) return
      source.usable = false
      log[lies ? 'warn' : 'info'](
        { peer: hint.peer, blob: id, error },
        lies ? 'provider sent bad data' : 'provider given up',
      )
    },
  }
  return source
}

/** The whole groups inside the ranges: parts of groups can't be asked for. */
function aligned(ranges: readonly ByteRange[], size: number): ByteRange[] {
  return ranges.flatMap(({ start, end }) => {
    const first = Math.ceil(start / GROUP_BYTES) * GROUP_BYTES
    const last = end >= size ? size : Math.floor(end / GROUP_BYTES) * GROUP_BYTES
    return first < last ? [{ start: first, end: last }] : []
  })
}

function withPeer(address: string, peer: string): string {
  return address.includes('/p2p/') ? address : `${address}/p2p/${peer}`
}
