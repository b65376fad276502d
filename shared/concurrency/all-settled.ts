/** Waits until both promises have settled, and returns both results. Throws the first failure. */
export async function allSettled<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b])
  return [await a, await b]
}
