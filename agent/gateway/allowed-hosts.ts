/**
 * Which names the gateway answers to. A page in a browser on this host can make any name of its own
 * mean 127.0.0.1 (DNS rebinding) and would then be let read what the gateway serves; it cannot make
 * a name its own that is an address, this host's, or the one that the operator configured (WA-01).
 */
import { isIP } from 'node:net'

/**
 * @param header the request's Host; browsers always send one. @param own names of this host,
 * besides `localhost`
 */
export function answersTo(header: string | undefined, own: readonly string[]): boolean {
  if (header === undefined) return true
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header)
  if (match === null) return false
  if (match[1] !== undefined) return isIP(match[1]) === 6
  // The final dot only says that a name is complete.
  const name = (match[2] as string).toLowerCase().replace(/\.$/, '')
  return (
    isIP(name) === 4 ||
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    own.some((known) => known.toLowerCase() === name)
  )
}
