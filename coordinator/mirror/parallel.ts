/** Work on many items, a few at a time. */

/**
 * Results in the order of `items`. The first failure ends the rest: no new item is begun, and it is
 * thrown once all begun ones have settled, so nothing goes on behind the caller's back.
 */
export async function mapParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = Array.from<R>({ length: items.length })
  let next = 0
  let failed = false
  const worker = async (): Promise<void> => {
    while (!failed && next < items.length) {
      const index = next++
      try {
        results[index] = await work(items[index] as T, index)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const ended = await Promise.allSettled(
    Array.from({ length: Math.min(limit, items.length) }, worker),
  )
  for (const each of ended) if (each.status === 'rejected') throw each.reason
  return results
}

/** Both results once both have settled; the first failure if there is one. */
export async function allSettled<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b])
  return [await a, await b]
}
