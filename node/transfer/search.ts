/** A search for more providers that runs while pieces are fetched. */
import type { Swarm } from './swarm.ts'

export interface Search {
  /** True if no stream ran when the search began. */
  readonly idle: boolean
  /**
   * Undefined while the search runs. `better`: a provider is new or has more of the blob than
   * before.
   */
  readonly result: { readonly better: boolean } | { readonly failure: unknown } | undefined
}

/** Starts a search. Calls `onEnd` when it has ended. */
export function startSearch(swarm: Swarm, idle: boolean, onEnd: () => void): Search {
  let result: Search['result']
  const end = (next: NonNullable<Search['result']>): void => {
    result = next
    onEnd()
  }
  swarm.refresh().then(
    (better) => end({ better }),
    (failure: unknown) => end({ failure }),
  )
  return {
    idle,
    get result() {
      return result
    },
  }
}
