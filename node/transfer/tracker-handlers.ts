/** The coordinator's side of `/muster/providers/1`: stores announcements and finds holders. */
import type { Holding } from '../../protocols/blobs/messages.ts'
import { MAX_PROVIDERS, type Provider } from '../../protocols/providers/messages.ts'
import type { providers } from '../../protocols/providers/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { requirePeerId } from '../../protocols/rpc/peer.ts'
import { defined } from '../../shared/defined.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { AwayHosts } from './away.ts'
import type { ProviderIndex } from './provider-index.ts'

export interface TrackerOptions {
  /** The coordinator's peer id. For blobs of its pool, the coordinator is the first provider. */
  readonly self: string
  readonly own: (id: BlobId) => Promise<Holding>
  /** Finds hosts other than the asker of which the index does not have all blobs. */
  readonly away: AwayHosts['find']
}

export function trackerHandlers(
  index: ProviderIndex,
  options: TrackerOptions,
): Handlers<typeof providers> {
  return {
    announce: async (announcement, { peer }) => ({
      expiresInMs: index.announce(requirePeerId(peer), peer.address, announcement),
    }),
    find: async ({ ids }, { peer, signal }) => {
      const found: { readonly id: BlobId; readonly providers: Provider[] }[] = []
      let isCertain = true
      for (const id of ids) {
        const holding = await options.own(id)
        isCertain &&= holding.size !== undefined && holding.ranges === undefined
        const providers = [...ownProvider(options.self, holding), ...index.find(id, peer.peerId)]
        found.push({ id, providers: providers.slice(0, MAX_PROVIDERS) })
      }
      if (isCertain) return { found: found.map(({ providers }) => providers) }
      const wait = found.some(({ providers }) => providers.length === 0)
      const away = await options.away(peer.peerId, signal, { wait })
      // A host that connected meanwhile may hold the blob.
      const late = found.map(({ id, providers }) =>
        providers.length > 0 ? providers : index.find(id, peer.peerId),
      )
      return { found: late, ...defined({ away }) }
    },
  }
}

function ownProvider(peer: string, { size, ranges }: Holding): Provider[] {
  return size === undefined ? [] : [{ peer, addresses: [], size, ...defined({ ranges }) }]
}
