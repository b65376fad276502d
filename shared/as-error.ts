/** A thrown value as an Error. Another kind of value becomes the cause of a new Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
}
