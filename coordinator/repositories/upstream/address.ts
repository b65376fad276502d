/**
 * Decides to which addresses an upstream may redirect. The operator chose the repository's address,
 * but the server chooses its redirects. So a redirect must not reach the operator's network (RS-27)
 * or the metadata service of a cloud.
 */
import { BlockList, isIP } from 'node:net'
import { addressFault } from '../../../shared/config/unsupported.ts'
import { mirrorError } from '../model/errors.ts'

/** The network of an address, the most private first. */
export type Reach = 'metadata' | 'loopback' | 'private' | 'public'

const metadata = new BlockList()
metadata.addSubnet('169.254.0.0', 16)
metadata.addSubnet('fe80::', 10, 'ipv6')
metadata.addAddress('fd00:ec2::254', 'ipv6')
metadata.addSubnet('0.0.0.0', 8)
metadata.addSubnet('224.0.0.0', 3)
metadata.addSubnet('ff00::', 8, 'ipv6')
metadata.addAddress('::', 'ipv6')

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** RFC 1918, RFC 6598 and RFC 4193. */
const local = new BlockList()
local.addSubnet('10.0.0.0', 8)
local.addSubnet('172.16.0.0', 12)
local.addSubnet('192.168.0.0', 16)
local.addSubnet('100.64.0.0', 10)
local.addSubnet('fc00::', 7, 'ipv6')

/**
 * Returns the network of an address. `metadata` includes addresses that no HTTP server of a
 * repository can have: link-local, multicast, "this host".
 */
export function reachOf(address: string): Reach {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  const plain = mapped ?? address
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4'
  if (metadata.check(plain, family)) return 'metadata'
  if (loopback.check(plain, family)) return 'loopback'
  if (local.check(plain, family)) return 'private'
  return 'public'
}

/** True if a server at `from` may redirect to `to`: never to a more private network. */
export function mayRedirect(from: Reach, to: Reach): boolean {
  const rank: Record<Reach, number> = { metadata: 0, loopback: 1, private: 2, public: 3 }
  return to !== 'metadata' && rank[to] >= rank[from]
}

/** Returns the base address of a repository. It is a folder, so it ends in `/`. */
export function baseAddress(repository: string, url: string): URL {
  const fault = addressFault(url)
  if (fault !== undefined)
    throw mirrorError('mirror.unsupported', { repository, what: `upstream.url: ${fault}` })
  const base = new URL(url)
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return base
}

/**
 * Returns the part of an address that errors and the log may show. The query and the part before
 * `@` may contain credentials.
 */
export function shownAddress({ origin, pathname }: URL): string {
  return `${origin}${pathname}`
}

/** Real content networks need one or two. */
export const MAX_REDIRECTS = 5

/** Returns the target of a `Location` header. @throws `mirror.redirect` */
export function redirectTarget(from: URL, location: string | undefined, hops: number): URL {
  const to = location === undefined ? null : URL.parse(location, from.href)
  const isHttp = to?.protocol === 'https:' || to?.protocol === 'http:'
  const shown = to !== null && isHttp ? shownAddress(to) : (location ?? '').replace(/[?#].*$/s, '')
  const refuse = (reason: string): Error =>
    mirrorError('mirror.redirect', { url: shownAddress(from), to: shown.slice(0, 200), reason })
  if (hops >= MAX_REDIRECTS) throw refuse(`more than ${MAX_REDIRECTS} redirects`)
  if (location === undefined) throw refuse('the response has no Location header')
  if (to === null) throw refuse('that is not an address')
  if (!isHttp) throw refuse('only http and https are followed')
  if (from.protocol === 'https:' && to.protocol === 'http:') throw refuse('it leaves https')
  if (to.username !== '' || to.password !== '') throw refuse('it holds credentials')
  return to
}
