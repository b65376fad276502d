/**
 * The providers of one fetch: those that were named, those that the tracker knows, and what each of
 * them turned out to be worth.
 */
import { blobError } from '../../shared/blobs/errors.ts'
import type { BlobId } from '../../shared/ids.ts'
import { transferError } from './errors.ts'
import type { FetchDeps, FetchOptions } from './fetch.ts'
import { type Source, createSource } from './source.ts'

/** Providers that one fetch gets to know; a hostile tracker could name any number. */
const MAX_KNOWN = 64
/** Different claims about the size that are tried, the most frequent first. */
const MAX_SIZES = 4

export interface Swarm {
  /**
   * Asks the tracker again and the new ones what they have. True if somebody usable is new or has
   * more than before.
   */
  refresh(): Promise<boolean>
  /**
   * Those not given up that say the blob has this size: those that are connected first, because
   * others may turn out to be out of reach.
   */
  usable(size: number): Source[]
  /** The sizes that are claimed, by the number of claims. */
  sizes(): number[]
  /** What to throw where nobody says that it has the blob. */
  nobody(): unknown
  /** What to throw where it did not come to an end, `missing` bytes short. */
  failure(size: number, missing: number): unknown
}

export function createSwarm(deps: FetchDeps, id: BlobId, options: FetchOptions): Swarm {
  const sources = new Map<string, Source>()
  // Why other nodes than those known may have it; undefined if none may.
  let unanswered: unknown
  /** Not found, only if every host that may hold it was asked and answered. */
  const nobody = (): unknown => {
    const silent = [...sources.values()].flatMap(({ lastError }) =>
      lastError instanceof Error && !blobError.is(lastError, 'blob.unknown') ? [lastError] : [],
    )
    const last = silent.at(-1)
    if (last !== undefined)
      return transferError(
        'transfer.unreachable',
        { id, holders: silent.length, reason: last.message },
        { cause: last },
      )
    return unanswered ?? blobError('blob.unknown', { id })
  }
  const alive = (): Source[] =>
    [...sources.values()].filter((source) => source.usable && source.holding !== undefined)
  return {
    refresh: async () => {
      const found = await deps.find(id, options.signal).then(
        ({ providers, away }) => {
          unanswered = away && transferError('transfer.holders-away', { id, ...away })
          return providers
        },
        (error: unknown) => {
          unanswered = error
          return []
        },
      )
      options.signal.throwIfAborted()
      let better = false
      const asked: Promise<void>[] = []
      for (const hint of [...(options.providers ?? []), ...found]) {
        const known = sources.get(hint.peer)
        if (known !== undefined) better = known.update(hint) || better
        else if (hint.peer !== deps.node.peerId && sources.size < MAX_KNOWN) {
          const source = createSource(deps, id, hint)
          sources.set(hint.peer, source)
          asked.push(
            source.ask(options.signal).then(() => {
              better ||= source.usable
            }),
          )
        }
      }
      await Promise.all(asked)
      return better
    },
    usable: (size) => {
      const sized = alive().filter((source) => source.holding?.size === size)
      const connected = (source: Source): boolean => deps.node.peer(source.peer) !== undefined
      return [...sized.filter(connected), ...sized.filter((source) => !connected(source))]
    },
    sizes: () => {
      const claims = new Map<number, number>()
      for (const { holding } of alive())
        if (holding !== undefined) claims.set(holding.size, (claims.get(holding.size) ?? 0) + 1)
      return [...claims]
        .sort((a, b) => b[1] - a[1])
        .slice(0, MAX_SIZES)
        .map(([size]) => size)
    },
    nobody,
    failure: (size, missing) => {
      const errors = [...sources.values()].flatMap((source) =>
        source.lastError instanceof Error ? [source.lastError] : [],
      )
      if (alive().length === 0 && errors.every((error) => blobError.is(error, 'blob.unknown')))
        return nobody()
      const last = errors.at(-1)
      // Everybody who had it sent something else: that is not a matter of who is connected.
      if (last !== undefined && errors.every((error) => blobError.is(error, 'blob.altered')))
        return last
      const reason = last?.message ?? 'they hold only part of it'
      return transferError(
        'transfer.incomplete',
        { id, missing, size, providers: sources.size, reason },
        { cause: last },
      )
    },
  }
}
