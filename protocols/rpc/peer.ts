/** The peer on the other side of a duplex, and the policy that decides which calls it may make. */
import type { Fingerprint, AgentId } from '../../shared/ids.ts'
import type { Capability, Namespace, Role } from '../capability.ts'

/** The content of the peer's node certificate, which is verified, not expired and not revoked. */
export interface Member {
  readonly role: Role
  readonly name: string
  /** Set for agents. */
  readonly agent: AgentId | undefined
  /** The labels of the certificate. They come from the coordinator's log, never from the agent. */
  readonly labels: Readonly<Record<string, string>>
  readonly epoch: number
  /** Milliseconds since the Unix epoch. */
  readonly notAfter: number
}

/** An operator whose delegation and proof were checked on this duplex. */
export interface OperatorSession {
  readonly operator: Fingerprint
  /** Milliseconds since the Unix epoch. The policy refuses the session after this time. */
  readonly notAfter: number
}

export interface PeerContext {
  readonly transport: 'libp2p' | 'unix'
  /** The libp2p peer id that the transport authenticated; undefined on a unix socket. */
  readonly peerId: string | undefined
  /** The peer's address, for logs. */
  readonly address: string
  /**
   * The current membership. Read it for every request and never store it. Undefined for strangers.
   */
  readonly member: Member | undefined
}

/** Returns the peer id of a libp2p connection. Only a peer on a unix socket has none. */
export function requirePeerId({ peerId, transport }: PeerContext): string {
  if (peerId === undefined) throw new TypeError(`a peer on ${transport} has no peer id`)
  return peerId
}

/**
 * A peer on one duplex. `serveProtocol` creates it from the connection's context. A session ends
 * with its duplex.
 */
export interface DuplexPeer extends PeerContext {
  session: OperatorSession | undefined
}

/** A target of an operator's request. Each target is authorised separately. */
export interface Target {
  readonly agent?: AgentId
  readonly labels?: Readonly<Record<string, string>>
  /** Limits the capability's namespace to one object, such as `repo/today`. */
  readonly namespace?: Namespace
}

/** The caller that the policy identified, for handlers and log lines. */
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
   * Undefined in the first check, before the request's body is parsed. The second check has the
   * handler's targets.
   */
  readonly targets: readonly Target[] | undefined
}

/**
 * Decides whether a peer may make a call. It is called before the body of every request is parsed.
 * For methods of scope `targets` it is called again with the targets, which may be an empty list.
 * Rejects with protocol.denied or another error. Its decision must not reveal whether the target
 * exists.
 */
export interface Policy {
  allow(capability: Capability, peer: DuplexPeer, ask: Ask): Promise<Caller>
}
