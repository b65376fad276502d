/**
 * Checks the host names of requests to the gateway. A web page can point its name at 127.0.0.1 (DNS
 * rebinding) and would then read the files that the gateway serves. The gateway therefore accepts
 * only addresses, names of this host, and the configured name (WA-01).
 */
import { isIP } from 'node:net'

/**
 * Returns true if the gateway accepts requests for this host name.
 * @param header the Host header of the request. Browsers always send one
 * @param own names of this host, besides `localhost`
 */
export function isAllowedHost(header: string | undefined, own: readonly string[]): boolean {
  if (header === undefined) return true
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header)
  if (match === null) return false
  const [, ipv6, host = ''] = match
  if (ipv6 !== undefined) return isIP(ipv6) === 6
  // A final dot only marks a complete name.
  const name = host.toLowerCase().replace(/\.$/, '')
  return (
    isIP(name) === 4 ||
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    own.some((known) => known.toLowerCase() === name)
  )
}
