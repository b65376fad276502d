/**
 * A provider of one fetch. The fetch connects to it when needed, and requests its ranges if they
 * are unknown. After bad data, it is not used again. After a few stalls (strikes), it is not used
 * again either.
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

/** A peer that may hold the blob, with addresses to dial if it is not connected. */
export interface ProviderHint {
  readonly peer: string
  readonly addresses?: readonly string[] | undefined
  readonly size?: number | undefined
  readonly ranges?: readonly ByteRange[] | undefined
}

/** The number of stalls, resets and capacity errors that are allowed between two fetched pieces. */
const MAX_STRIKES = 3

export interface SourceHolding {
  readonly size: number
  /** Undefined for the whole blob. */
  readonly ranges: readonly ByteRange[] | undefined
}

export interface Source {
  readonly peer: string
  /** The claimed size and ranges. Undefined before {@link ask}, unless the hint contains them. */
  readonly holding: SourceHolding | undefined
  /** False if this provider is not used any more. */
  readonly usable: boolean
  /**
   * Requests the size and ranges, unless they are known. If the provider is unreachable or has no
   * part of the blob, it is not used any more.
   */
  ask(signal: AbortSignal): Promise<void>
  /** Applies a newer hint for a partial holder. Returns true if it has more than before. */
  update(hint: ProviderHint): boolean
  open(signal: AbortSignal): Promise<Client<typeof blobs>>
  /**
   * Records a failure. After bad data or a missing blob, the provider is not used any more. After
   * other failures, this happens after {@link MAX_STRIKES} of them.
   */
  recordFailure(error: unknown): void
  /**
   * Resets the strikes, so that a long fetch can continue after any number of short interruptions.
   */
  recordSuccess(): void
  /** The last recorded failure. */
  readonly lastError: unknown
}

export interface SourceDeps {
  readonly node: MusterNode
  readonly clock: Clock
  readonly log: Logger
}

export function createSource(deps: SourceDeps, id: BlobId, hint: ProviderHint): Source {
  return new PeerSource(deps, id, hint)
}

class PeerSource implements Source {
  readonly peer: string
  holding: SourceHolding | undefined
  usable = true
  lastError: unknown
  readonly #deps: SourceDeps
  readonly #id: BlobId
  readonly #addresses: readonly string[]
  #strikes = 0

  constructor(deps: SourceDeps, id: BlobId, hint: ProviderHint) {
    this.#deps = deps
    this.#id = id
    this.peer = hint.peer
    this.#addresses = hint.addresses ?? []
    this.holding = holdingFrom(hint)
  }

  async ask(signal: AbortSignal): Promise<void> {
    if (this.holding !== undefined) return
    try {
      const client = await this.open(signal)
      const { holdings } = await client
        .call('have', { ids: [this.#id] }, { signal })
        .finally(() => void client.close().catch(() => undefined))
      this.holding = holdingFrom(holdings[0] ?? {})
      if (this.holding === undefined) throw blobError('blob.unknown', { id: this.#id })
    } catch (error) {
      signal.throwIfAborted()
      this.lastError = error
      this.usable = false
    }
  }

  update(hint: ProviderHint): boolean {
    const { holding } = this
    if (!this.usable || holding?.ranges === undefined || hint.size !== holding.size) return false
    const ranges = hint.ranges && aligned(hint.ranges, hint.size)
    const isMore = ranges === undefined || sum(ranges) > sum(holding.ranges)
    if (isMore) this.holding = { size: hint.size, ranges }
    return isMore
  }

  async open(signal: AbortSignal): Promise<Client<typeof blobs>> {
    await this.#connect(signal)
    return openClient(blobs, await this.#deps.node.open(this.peer, blobs.id, signal), this.#deps)
  }

  recordSuccess(): void {
    this.#strikes = 0
  }

  recordFailure(error: unknown): void {
    this.lastError = error
    this.#strikes += 1
    const isFalse = blobError.is(error) && error.exit === 'verification'
    const isFatal = !(error instanceof MusterError) || !error.retryable || isFalse
    if (!isFatal && this.#strikes < MAX_STRIKES) return
    this.usable = false
    this.#deps.log[isFalse ? 'warn' : 'info'](
      { peer: this.peer, blob: this.#id, error },
      isFalse ? 'provider sent bad data' : 'provider given up',
    )
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { node } = this.#deps
    if (node.peer(this.peer) !== undefined) return
    let reason: unknown = nodeError('node.not-connected', { peer: this.peer })
    for (const address of this.#addresses) {
      try {
        await node.dial(withPeer(address, this.peer), signal)
        return
      } catch (error) {
        signal.throwIfAborted()
        reason = error
      }
    }
    throw reason
  }
}

/** Returns the size and ranges, or undefined if the size is unknown. */
function holdingFrom({
  size,
  ranges,
}: Pick<ProviderHint, 'size' | 'ranges'>): SourceHolding | undefined {
  return size === undefined ? undefined : { size, ranges: ranges && aligned(ranges, size) }
}

/** Returns the whole groups inside the ranges. A request can't contain parts of a group. */
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
