/** Returns a thrown Error unchanged. Any other thrown value becomes the cause of a new Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
}
