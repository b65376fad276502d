/** The options of a node and what it needs to run. */
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
   * Multiaddrs to listen on, such as `/ip4/0.0.0.0/tcp/7400`. Empty for nodes that only dial. Port
   * 0 takes a free port.
   */
  readonly listen: readonly string[]
  readonly fleet: FleetId
  readonly credentials: Credentials
  /** The program's version. Greetings contain it. */
  readonly version: string
  /** The fault of this machine, for greetings. Call `reintroduce` after it changed. */
  readonly trouble?: () => Trouble | undefined
  /** Default MAX_CONNECTIONS of libp2p/limits.ts. A coordinator sets four times its fleet. */
  readonly maxConnections?: number
  /** Default MAX_STRANGERS of libp2p/limits.ts. */
  readonly maxStrangers?: number
  /**
   * For each remote address. Default INBOUND_PER_SECOND of libp2p/limits.ts. A coordinator of a
   * fleet behind one address sets more.
   */
  readonly inboundPerSecond?: number
  /**
   * Peers that are admitted like members before they have greeted, such as the registry's approved
   * agents after a restart.
   */
  readonly expected?: (peer: string) => boolean
  /** Default STRANGER_IDLE_MS of libp2p/limits.ts. */
  readonly strangerIdleMs?: number
}
