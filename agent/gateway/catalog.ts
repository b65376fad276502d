/**
 * Requests from the coordinator which file or folder a path names. Responses are kept for a short
 * time, because dnf requests the same few files many times.
 */
import { type Client, openClient } from '../../protocols/rpc/call.ts'
import { catalog } from '../../protocols/catalog/protocol.ts'
import type { RequestOf, ResponseOf } from '../../protocols/rpc/define-protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { CatalogCache } from './catalog-cache.ts'

type Methods = (typeof catalog)['methods']
export type TreeQuestion = RequestOf<Methods['tree']>
export type TreeAnswer = ResponseOf<Methods['tree']>
export type PublishedRepository = ResponseOf<Methods['repositories']>['repositories'][number]

export interface Catalog {
  /**
   * Looks up a path.
   * @throws node.not-connected, protocol.* if no coordinator responds and no response is kept
   */
  tree(question: TreeQuestion, signal: AbortSignal): Promise<TreeAnswer>
  repositories(signal: AbortSignal): Promise<readonly PublishedRepository[]>
}

/** The time before a response is requested again. A published change is visible that much later. */
const FRESH_MS = 1_000
/** While no coordinator is reachable, responses are used for this time. */
const STALE_MS = 3_600_000

export function createCatalog(deps: {
  clock: Clock
  open: (protocolId: string, signal: AbortSignal) => Promise<Duplex>
}): Catalog {
  const trees = new CatalogCache<TreeAnswer>(deps)
  const lists = new CatalogCache<readonly PublishedRepository[]>(deps)

  const ask = async <T>(
    call: (client: Client<typeof catalog>) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> => {
    const client = openClient(catalog, await deps.open(catalog.id, signal), deps)
    try {
      return await call(client)
    } finally {
      await client.close().catch(() => undefined)
    }
  }
  return {
    tree: async (question, signal) =>
      // A path that is invalid in the protocol is not sent to the coordinator.
      !catalog.methods.tree.request.safeParse(question).success
        ? { found: 'nothing' }
        : cached(trees, JSON.stringify(question), () =>
            ask((client) => client.call('tree', question, { signal }), signal),
          ),
    repositories: (signal) =>
      cached(lists, '', async () => {
        const response = await ask((client) => client.call('repositories', {}, { signal }), signal)
        return response.repositories
      }),
  }
}

async function cached<T>(cache: CatalogCache<T>, key: string, load: () => Promise<T>): Promise<T> {
  const known = cache.get(key)
  if (known !== undefined && known.ageMs < FRESH_MS) return known.value
  try {
    const value = await load()
    cache.set(key, value)
    return value
  } catch (error) {
    const isUnreachable = error instanceof MusterError && error.exit === 'unreachable'
    if (known !== undefined && known.ageMs < STALE_MS && isUnreachable) return known.value
    throw error
  }
}
