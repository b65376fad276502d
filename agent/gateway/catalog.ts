/**
 * What the coordinator says stands at a path, remembered for a moment: dnf asks for the same few
 * files many times in a row.
 */
import { type Client, openClient } from '../../protocols/rpc/call.ts'
import { catalog } from '../../protocols/catalog/protocol.ts'
import type { RequestOf, ResponseOf } from '../../protocols/rpc/define-protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'

type Methods = (typeof catalog)['methods']
export type TreeQuestion = RequestOf<Methods['tree']>
export type TreeAnswer = ResponseOf<Methods['tree']>
export type PublishedRepository = ResponseOf<Methods['repositories']>['repositories'][number]

export interface Catalog {
  /**
   * @throws node.not-connected, protocol.* where no coordinator answers and nothing is remembered
   */
  tree(question: TreeQuestion, signal: AbortSignal): Promise<TreeAnswer>
  repositories(signal: AbortSignal): Promise<readonly PublishedRepository[]>
}

/** As fresh as this without asking: a published switch is seen this much later. */
const FRESH_MS = 1_000
/**
 * Remembered for the time that the coordinator is away; beyond it an answer would rather be stale
 * than useful.
 */
const STALE_MS = 3_600_000
/** Answers remembered; the oldest go first. A package and a folder need one each. */
const MAX_REMEMBERED = 20_000
/**
 * Of all of them together, paths and listings: a folder may hold a hundred thousand names, and dnf
 * asks for none.
 */
const MAX_REMEMBERED_CHARS = 16 * 1024 * 1024

export function createCatalog(deps: {
  clock: Clock
  open: (protocolId: string, signal: AbortSignal) => Promise<Duplex>
}): Catalog {
  // Owned by remembered() and keep().
  const memory = new Map<string, { at: number; value: unknown; chars: number }>()
  let chars = 0

  const forget = (key: string): void => {
    chars -= memory.get(key)?.chars ?? 0
    memory.delete(key)
  }
  const keep = (key: string, value: unknown): void => {
    forget(key)
    const size = key.length + JSON.stringify(value).length
    memory.set(key, { at: deps.clock.monotonic(), value, chars: size })
    chars += size
    while (memory.size > MAX_REMEMBERED || chars > MAX_REMEMBERED_CHARS)
      forget(memory.keys().next().value as string)
  }

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

  const remembered = async <T>(key: string, load: () => Promise<T>): Promise<T> => {
    const known = memory.get(key)
    const age = known === undefined ? Number.POSITIVE_INFINITY : deps.clock.monotonic() - known.at
    if (known !== undefined && age < FRESH_MS) return known.value as T
    try {
      const value = await load()
      keep(key, value)
      return value
    } catch (error) {
      if (
        known !== undefined &&
        age < STALE_MS &&
        error instanceof MusterError &&
        error.exit === 'unreachable'
      )
        return known.value as T
      throw error
    }
  }

  return {
    tree: async (question, signal) =>
      // What cannot be the name of anything is not worth the coordinator's time, and no fault of
      // its.
      !catalog.methods.tree.request.safeParse(question).success
        ? { found: 'nothing' }
        : remembered(JSON.stringify(question), () =>
            ask((client) => client.call('tree', question, { signal }), signal),
          ),
    repositories: (signal) =>
      remembered(
        'repositories',
        async () =>
          (await ask((client) => client.call('repositories', {}, { signal }), signal)).repositories,
      ),
  }
}
