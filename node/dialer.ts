/** Connects to nodes. A dial ends with a greeting on each new connection. */
import { defined } from '../shared/defined.ts'
import { asError } from '../shared/as-error.ts'
import type { Connections, Peer } from './connections.ts'
import type { Greeter } from './greeter.ts'
import { nodeError } from './ground/errors.ts'
import { parseAddress, toMultiaddr } from './libp2p/address.ts'
import { dialFailure } from './libp2p/failures.ts'
import type { Gater } from './libp2p/gater.ts'
import type { Network } from './network.ts'

export interface DialerDeps {
  readonly network: Network
  readonly gater: Gater
  readonly connections: Connections
  readonly greeter: Greeter
}

export type Dial = (address: string, signal?: AbortSignal) => Promise<Peer>

/** @param closing - aborts when the node closes */
export function createDialer(deps: DialerDeps, closing: AbortSignal): Dial {
  const { network, gater, connections, greeter } = deps
  const greeted = new WeakSet<object>()
  const connect = (address: string, peer: string, signal: AbortSignal | undefined) =>
    gater
      .whileDialling(peer, () => network.dial(toMultiaddr(address), defined({ signal })))
      .catch((error: unknown) => {
        throw dialFailure(error, { address, peer, signal })
      })
  const dial: Dial = async (address, signal) => {
    const id = peerOf(address)
    if (closing.aborted) throw nodeError('node.closed')
    const before = new Set<object>(connections.of(id))
    const connection = await connect(address, id, signal)
    try {
      // Known members are greeted on every new connection too, because the peer may have lost its
      // record of this node.
      if (!greeted.has(connection)) await greeter.greet(id, signal)
      greeted.add(connection)
    } catch (error) {
      connection.abort(asError(error))
      // The peer may have just closed an earlier connection. The caller needs a new one.
      if (before.has(connection) && signal?.aborted !== true) return dial(address, signal)
      throw error
    }
    const peer = connections.peer(id)
    if (peer === undefined) throw nodeError('node.not-connected', { peer: id })
    return peer
  }
  return dial
}

/** @throws node.address if the address has no peer id */
function peerOf(address: string): string {
  const { peer } = parseAddress(address)
  if (peer === undefined)
    throw nodeError('node.address', { address, reason: 'it does not end with a peer id' })
  return peer
}
