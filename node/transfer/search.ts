/** A search for more providers that runs while pieces are fetched. */
import type { Swarm } from './swarm.ts'

export interface Search {
  /** Whether no stream ran when the search began. */
  readonly idle: boolean
  /** Undefined while the search runs. `better`: a provider is new or has more than before. */
  readonly result: { readonly better: boolean } | { readonly failure: unknown } | undefined
}

/** Calls `onEnd` when the search is over. */
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
