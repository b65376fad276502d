/**
 * Addresses of nodes as multiaddrs, of which Muster uses one shape:
 * `/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT`, with `/p2p/PEER` where one dials.
 */
import { BlockList, isIPv6 } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { keyOfPeerId } from '../../shared/identity/peer-id.ts'
import { nodeError } from '../ground/errors.ts'

export interface NodeAddress {
  readonly host: string
  readonly family: 'ip4' | 'ip6' | 'dns' | 'dns4' | 'dns6'
  readonly port: number
  readonly peer: string | undefined
}

const FAMILIES = ['ip4', 'ip6', 'dns', 'dns4', 'dns6']

/**
 * Throws node.address for anything but the one shape, and for peer ids that are not of ed25519
 * keys.
 */
export function parseAddress(text: string): NodeAddress {
  const components = componentsOf(text)
  const [host, tcp, p2p] = components
  const bad = (reason: string): Error =>
    nodeError('node.address', { address: text.slice(0, 256), reason })
  if (host === undefined || !FAMILIES.includes(host.name) || host.value === undefined)
    throw bad('it does not begin with a host')
  if (tcp?.name !== 'tcp' || tcp.value === undefined) throw bad('it names no TCP port')
  if (components.length > 3 || (p2p !== undefined && p2p.name !== 'p2p'))
    throw bad('something follows that is no peer id')
  const peer = p2p?.value
  if (peer !== undefined) {
    try {
      keyOfPeerId(peer)
    } catch (cause) {
      throw nodeError(
        'node.address',
        { address: text.slice(0, 256), reason: 'its peer id is not that of an ed25519 key' },
        { cause },
      )
    }
  }
  return {
    host: host.value,
    family: host.name as NodeAddress['family'],
    port: Number(tcp.value),
    peer,
  }
}

/** The multiaddr of an address that was checked. */
export function toMultiaddr(text: string): Multiaddr {
  parseAddress(text)
  return multiaddr(text)
}

function componentsOf(text: string): readonly { name: string; value?: string }[] {
  try {
    return multiaddr(text).getComponents()
  } catch (cause) {
    throw nodeError(
      'node.address',
      { address: text.slice(0, 256), reason: 'it is not a multiaddr' },
      { cause },
    )
  }
}

/**
 * Whether an address that a node announced may be told to others: it has a port, and is no
 * loopback, link-local, unspecified or multicast address unless the node itself was seen at a
 * loopback address. Keeps one member from pointing the others at a metadata service.
 */
export function plausible(announced: string, seenAt: string): boolean {
  let address: NodeAddress
  try {
    address = parseAddress(announced)
  } catch {
    return false
  }
  if (address.port < 1 || address.port > 65_535) return false
  if (address.family !== 'ip4' && address.family !== 'ip6') return false
  switch (scopeOf(address.host)) {
    case 'loopback':
      return scopeOf(hostOf(seenAt)) === 'loopback'
    case 'other':
      return true
    case 'useless':
      return false
  }
}

/** Whether an address leads back to the machine that dials it. */
export function isLoopback(address: string): boolean {
  return scopeOf(hostOf(address)) === 'loopback'
}

/**
 * Whether another address is of the same host as this one: in IPv6 of the same /64, which is what
 * one customer or machine has of addresses.
 */
export function sameHost(address: string): (other: string) => boolean {
  const host = hostOf(address)
  if (!isIPv6(host) || host.toLowerCase().startsWith('::ffff:'))
    return (other) => hostOf(other) === host
  const network = new BlockList()
  network.addSubnet(host, 64, 'ipv6')
  return (other) => isIPv6(hostOf(other)) && network.check(hostOf(other), 'ipv6')
}

function hostOf(text: string): string {
  try {
    return parseAddress(text).host
  } catch {
    return ''
  }
}

function scopeOf(host: string): 'loopback' | 'useless' | 'other' {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)
  const ip = mapped?.[1] ?? host.toLowerCase()
  if (ip.startsWith('127.') || ip === '::1') return 'loopback'
  // This network, link-local, multicast and reserved (RFC 6890); unspecified, link-local and
  // multicast of IPv6, and every other mapped form.
  if (/^(0\.|169\.254\.|22[4-9]\.|2[3-5]\d\.)/.test(ip) || /^(::|fe[89ab][0-9a-f]:|ff)/.test(ip))
    return 'useless'
  return 'other'
}
