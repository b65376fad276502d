/** Which names an exported log's files have: the checkpoint and the tiles, as tile.ts lays them out. Anything else is not a bundle's. */
const TILE = /^tile\/(entries|[0-9]|[1-5][0-9])\/(x[0-9]{3}\/){0,5}[0-9]{3}(\.p\/[1-9][0-9]{0,2})?$/

/** True for a name that is safe to create below a new folder. */
export function isBundlePath(path: string): boolean {
  return path === 'checkpoint' || TILE.test(path)
}
