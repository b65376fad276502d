/**
 * Addresses of nodes as multiaddrs of one form: `/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT`. An address
 * to dial ends in `/p2p/PEER`.
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

const FAMILIES: Readonly<Record<string, NodeAddress['family']>> = {
  ip4: 'ip4',
  ip6: 'ip6',
  dns: 'dns',
  dns4: 'dns4',
  dns6: 'dns6',
}

/**
 * Parses an address. @throws node.address for any other form, and for peer ids of keys other than
 * ed25519
 */
export function parseAddress(text: string): NodeAddress {
  const components = componentsOf(text)
  const [host, tcp, p2p] = components
  const bad = (reason: string): Error =>
    nodeError('node.address', { address: text.slice(0, 256), reason })
  const family = host && FAMILIES[host.name]
  if (host?.value === undefined || family === undefined) throw bad('it does not start with a host')
  if (tcp?.name !== 'tcp' || tcp.value === undefined) throw bad('it has no TCP port')
  if (components.length > 3 || (p2p !== undefined && p2p.name !== 'p2p'))
    throw bad('the part after the port is not a peer id')
  const peer = p2p?.value
  if (peer !== undefined) {
    try {
      keyOfPeerId(peer)
    } catch (cause) {
      throw nodeError(
        'node.address',
        { address: text.slice(0, 256), reason: 'its peer id is not of an ed25519 key' },
        { cause },
      )
    }
  }
  return {
    host: host.value,
    family,
    port: Number(tcp.value),
    peer,
  }
}

/** Converts an address to a multiaddr. @throws node.address */
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
 * Returns true if other nodes may dial an address that a node announced. It needs a port and an IP
 * address that is not link-local or reserved. Loopback is accepted only from a node on loopback. So
 * a member can't send other nodes to a metadata service.
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

/** Returns true for a loopback address. */
export function isLoopback(address: string): boolean {
  return scopeOf(hostOf(address)) === 'loopback'
}

/**
 * Returns a function that checks whether another address is of the same host. A host has a whole
 * /64 of IPv6.
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
  // IPv4: this network, link-local, multicast, reserved (RFC 6890). IPv6: unspecified, link-local,
  // multicast and every other mapped form.
  if (/^(0\.|169\.254\.|22[4-9]\.|2[3-5]\d\.)/.test(ip) || /^(::|fe[89ab][0-9a-f]:|ff)/.test(ip))
    return 'useless'
  return 'other'
}
