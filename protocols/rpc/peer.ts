/** Who is on the other side of a duplex, and the policy that decides what they may do. */
import type { Fingerprint, AgentId } from '../../shared/ids.ts'
import type { Capability, Namespace, Role } from '../capability.ts'

/** What a checked, unexpired, unrevoked node certificate says of the peer. */
export interface Member {
  readonly role: Role
  readonly name: string
  /** Set for agents. */
  readonly agent: AgentId | undefined
  /** From the coordinator's log by way of the certificate, never from the agent's own word. */
  readonly labels: Readonly<Record<string, string>>
  readonly epoch: number
  /** Milliseconds since the Unix epoch. */
  readonly notAfter: number
}

/** An operator whose delegation and proof were checked on this duplex. */
export interface OperatorSession {
  readonly operator: Fingerprint
  /** Milliseconds since the Unix epoch; the policy refuses a session past it. */
  readonly notAfter: number
}

export interface PeerContext {
  readonly transport: 'libp2p' | 'unix'
  /** The libp2p peer id that the transport authenticated; undefined on a unix socket. */
  readonly peerId: string | undefined
  /** Where the peer comes from, for logs. */
  readonly address: string
  /**
   * The membership as it stands at this moment: read it for every request, never keep it. Undefined
   * for strangers.
   */
  readonly member: Member | undefined
}

/**
 * The peer id of a libp2p connection. Only protocols that are served on a unix socket can lack it.
 */
export function requirePeerId({ peerId, transport }: PeerContext): string {
  if (peerId === undefined) throw new TypeError(`a peer on ${transport} has no peer id`)
  return peerId
}

/**
 * A peer on one duplex. `serveProtocol` makes it from the connection's context; a session lasts as
 * long as its duplex.
 */
export interface DuplexPeer extends PeerContext {
  session: OperatorSession | undefined
}

/** What an operator's request touches; each target is authorised on its own. */
export interface Target {
  readonly agent?: AgentId
  readonly labels?: Readonly<Record<string, string>>
  /** Narrows the capability's namespace to one thing of it, such as `repo/today`. */
  readonly namespace?: Namespace
}

/** The caller as the policy recognised them; handlers and log lines use it. */
export type Caller =
  | { readonly kind: 'stranger'; readonly name: string; readonly peerId: string | undefined }
  | {
      readonly kind: 'member'
      readonly name: string
      readonly peerId: string
      readonly member: Member
    }
  | { readonly kind: 'operator'; readonly name: string; readonly operator: Fingerprint }
  | { readonly kind: 'local'; readonly name: string }

export interface Ask {
  readonly protocol: string
  readonly method: string
  /**
   * Undefined in the first question, before the request's body is parsed; the handler's targets in
   * the second one.
   */
  readonly targets: readonly Target[] | undefined
}

/**
 * Decides. Asked before the body of every request is parsed, and for methods of scope `targets`
 * again with the targets (an empty list is a request that touches nothing). Rejects with
 * protocol.denied or another error. Its decision must not show whether the target exists.
 */
export interface Policy {
  allow(capability: Capability, peer: DuplexPeer, ask: Ask): Promise<Caller>
}
