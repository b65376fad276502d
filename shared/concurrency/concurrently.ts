/** Runs a job for each item, a limited number at a time, and keeps the order of the results. */

/**
 * Rejects with the first failure once the running jobs have settled. No new job starts after a
 * failure.
 */
export async function concurrently<T, R>(
  items: readonly T[],
  limit: number,
  job: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = Array.from({ length: items.length })
  const failures: unknown[] = []
  // Shared by the workers: each takes the next item.
  const remaining = items.entries()
  const worker = async (): Promise<void> => {
    while (failures.length === 0) {
      const next = remaining.next()
      if (next.done === true) return
      const [index, item] = next.value
      try {
        results[index] = await job(item, index)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
  return results
}
