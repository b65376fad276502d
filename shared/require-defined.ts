/** Returns a value that the calling code guarantees to be defined. */

/** @throws TypeError with the broken guarantee, which is a bug */
export function requireDefined<T>(value: T | undefined, guarantee: string): T {
  if (value === undefined) throw new TypeError(`broken guarantee: ${guarantee}`)
  return value
}
