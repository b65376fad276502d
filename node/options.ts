/** The options of a node and its dependencies. */
import type { Trouble } from '../protocols/hello/messages.ts'
import type { Clock } from '../shared/clock.ts'
import type { NodeKey } from '../shared/identity/signer.ts'
import type { FleetId } from '../shared/ids.ts'
import type { Logger } from '../shared/logger.ts'
import type { Random } from '../shared/random.ts'
import type { Credentials } from './membership/membership.ts'

export interface NodeDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface NodeOptions {
  readonly key: NodeKey
  /**
   * Multiaddrs on which the node listens, such as `/ip4/0.0.0.0/tcp/7400`. Empty for nodes that
   * only dial. With port 0, the system chooses a free port.
   */
  readonly listen: readonly string[]
  readonly fleet: FleetId
  readonly credentials: Credentials
  /** The program's version. Greetings contain it. */
  readonly version: string
  /** Returns the fault of this machine for greetings. Call `reintroduce` after it changed. */
  readonly trouble?: () => Trouble | undefined
  /** Default: MAX_CONNECTIONS of libp2p/limits.ts. A coordinator sets four times its fleet. */
  readonly maxConnections?: number
  /** Default: MAX_STRANGERS of libp2p/limits.ts. */
  readonly maxStrangers?: number
  /**
   * The limit for each remote address. Default: INBOUND_PER_SECOND of libp2p/limits.ts. A
   * coordinator of a fleet behind one address sets a higher limit.
   */
  readonly inboundPerSecond?: number
  /**
   * Returns true for a peer that may connect like a member before its first greeting. After a
   * restart of a coordinator, these are the approved agents of its registry.
   */
  readonly expected?: (peer: string) => boolean
  /** Default: STRANGER_IDLE_MS of libp2p/limits.ts. */
  readonly strangerIdleMs?: number
}
