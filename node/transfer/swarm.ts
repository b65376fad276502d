/**
 * The providers of one fetch and their failures. The caller names some, and the tracker finds
 * others.
 */
import { blobError } from '../../shared/blobs/errors.ts'
import type { BlobId } from '../../shared/ids.ts'
import { transferError } from './errors.ts'
import type { FetchDeps, FetchOptions } from './fetch.ts'
import { createSource, type ProviderHint, type Source } from './source.ts'

/** The maximum number of providers of one fetch. A hostile tracker could name any number. */
const MAX_KNOWN = 64
/** The number of different claimed sizes that are tried. The most frequent one is first. */
const MAX_SIZES = 4

export class Swarm {
  readonly #deps: FetchDeps
  readonly #id: BlobId
  readonly #options: FetchOptions
  readonly #sources = new Map<string, Source>()
  /** The reason why unknown nodes may hold the blob. Undefined if none can hold it. */
  #incomplete: unknown

  constructor(deps: FetchDeps, id: BlobId, options: FetchOptions) {
    this.#deps = deps
    this.#id = id
    this.#options = options
  }

  /**
   * Asks the tracker again, and requests the ranges of new providers. Returns true if a usable
   * provider is new or has more of the blob than before.
   */
  async refresh(): Promise<boolean> {
    const { signal, providers = [] } = this.#options
    const hints = [...providers, ...(await this.#find())]
    signal.throwIfAborted()
    let better = false
    const asked: Promise<void>[] = []
    for (const hint of hints) {
      const known = this.#sources.get(hint.peer)
      if (known !== undefined) better = known.update(hint) || better
      else if (hint.peer !== this.#deps.node.peerId && this.#sources.size < MAX_KNOWN) {
        const source = createSource(this.#deps, this.#id, hint)
        this.#sources.set(hint.peer, source)
        asked.push(
          source.ask(signal).then(() => {
            better ||= source.usable
          }),
        )
      }
    }
    await Promise.all(asked)
    return better
  }

  /** Returns the usable providers that claim this size. Connected ones come first. */
  usable(size: number): Source[] {
    const sized = this.#alive().filter((source) => source.holding?.size === size)
    const isConnected = (source: Source): boolean => this.#deps.node.peer(source.peer) !== undefined
    return [...sized.filter(isConnected), ...sized.filter((source) => !isConnected(source))]
  }

  /** Returns the claimed sizes, most frequent first. */
  sizes(): number[] {
    const claims = new Map<number, number>()
    for (const { holding } of this.#alive())
      if (holding !== undefined) claims.set(holding.size, (claims.get(holding.size) ?? 0) + 1)
    return [...claims]
      .sort((a, b) => b[1] - a[1])
      .slice(0, MAX_SIZES)
      .map(([size]) => size)
  }

  /**
   * Returns the error if no provider claims the blob. The error is `blob.unknown` only if every
   * possible holder was asked.
   */
  notFound(): unknown {
    const silent = this.#errors().filter((error) => !blobError.is(error, 'blob.unknown'))
    const last = silent.at(-1)
    if (last !== undefined)
      return transferError(
        'transfer.unreachable',
        { id: this.#id, holders: silent.length, reason: last.message },
        { cause: last },
      )
    return this.#incomplete ?? blobError('blob.unknown', { id: this.#id })
  }

  /** Returns the error of a fetch that ended with `missing` bytes left. */
  failure(size: number, missing: number): unknown {
    const errors = this.#errors()
    if (this.#alive().length === 0 && errors.every((error) => blobError.is(error, 'blob.unknown')))
      return this.notFound()
    const last = errors.at(-1)
    // All providers sent altered data. Other connections would not help.
    if (last !== undefined && errors.every((error) => blobError.is(error, 'blob.altered')))
      return last
    const reason = last?.message ?? 'they hold only part of it'
    return transferError(
      'transfer.incomplete',
      { id: this.#id, missing, size, providers: this.#sources.size, reason },
      { cause: last },
    )
  }

  async #find(): Promise<readonly ProviderHint[]> {
    try {
      const { providers, away } = await this.#deps.find(this.#id, this.#options.signal)
      this.#incomplete = away && transferError('transfer.holders-away', { id: this.#id, ...away })
      return providers
    } catch (error) {
      this.#incomplete = error
      return []
    }
  }

  #alive(): Source[] {
    return [...this.#sources.values()].filter(
      (source) => source.usable && source.holding !== undefined,
    )
  }

  /** Returns the last error of each provider that has one. */
  #errors(): Error[] {
    return [...this.#sources.values()].flatMap(({ lastError }) =>
      lastError instanceof Error ? [lastError] : [],
    )
  }
}
