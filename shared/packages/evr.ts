/** The text `[epoch:]version[-release]`, which rpm, dpkg and the statements of facts share. */
import type { PackageVersion } from './manager.ts'

/** Writes `1:2.0-3`, `2.0-3` or `2.0`. An epoch of 0 and an empty release are left out. */
export function formatEvr(evr: PackageVersion): string {
  const epoch = evr.epoch === 0 ? '' : `${evr.epoch}:`
  const release = evr.release === '' ? '' : `-${evr.release}`
  return `${epoch}${evr.version}${release}`
}

/**
 * Reads such a text. The release begins after the last `-`. A prefix before `:` that isn't a number
 * is part of the version.
 */
export function parseEvr(text: string): PackageVersion {
  const match = /^(\d{1,10}):/.exec(text)
  const rest = match === null ? text : text.slice(match[0].length)
  const dash = rest.lastIndexOf('-')
  return {
    epoch: match === null ? 0 : Number(match[1]),
    version: dash === -1 ? rest : rest.slice(0, dash),
    release: dash === -1 ? '' : rest.slice(dash + 1),
  }
}
