/**
 * Checks the names of a bundle's files. A name that passes this check can be joined to a folder
 * safely.
 */

/** The signed note. */
export const CHECKPOINT_FILE = 'checkpoint'

/**
 * Names in C2SP tlog-tiles have at most six groups of three digits, which is enough for any size
 * below 2^53.
 */
const TILE = /^tile\/(entries|[0-6])\/(x[0-9]{3}\/){0,5}[0-9]{3}(\.p\/[1-9][0-9]{0,2})?$/

/** Returns whether an exported log can have a file with this path below its folder. */
export function isBundlePath(path: string): boolean {
  return path === CHECKPOINT_FILE || TILE.test(path)
}
