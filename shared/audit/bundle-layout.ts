/**
 * The names of a bundle's files. A name from elsewhere that passes this check is safe to join to a
 * folder.
 */

/** The signed note. */
export const CHECKPOINT_FILE = 'checkpoint'

/** C2SP tlog-tiles. At most six groups of three digits, more than any size below 2^53 needs. */
const TILE = /^tile\/(entries|[0-6])\/(x[0-9]{3}\/){0,5}[0-9]{3}(\.p\/[1-9][0-9]{0,2})?$/

/** Whether an exported log can have a file with this name, as a path below its folder. */
export function isBundlePath(path: string): boolean {
  return path === CHECKPOINT_FILE || TILE.test(path)
}
