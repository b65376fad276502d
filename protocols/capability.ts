/**
 * The capability that a caller of a method needs. Every method declares one, and the type of
 * `method()` requires it. `serveProtocol` checks each request with the policy before it parses the
 * body.
 */

/** The role of a certificate's subject. */
export type Role = 'coordinator' | 'agent' | 'observer'
export type Level = 'observe' | 'control'

const AREAS = [
  'fleet',
  'repo',
  'snapshot',
  'publish',
  'artifact',
  'facts',
  'run',
  'deploy',
  'audit',
  'policy',
] as const
type Area = (typeof AREAS)[number]
/** A namespace of rights. `run` covers `run/<agent>`. */
export type Namespace = Area | `${Area}/${string}`

export type Capability =
  /**
   * Any peer that can open a connection. `why` contains the reason why this is safe. Only hello,
   * enroll and session use it.
   */
  | { readonly kind: 'stranger'; readonly why: string }
  /** A valid node certificate with one of these roles, on this connection. */
  | { readonly kind: 'member'; readonly roles: readonly Role[] }
  /**
   * A proved session of an operator, and a grant. With `targets` the handler names the targets
   * first, and each one is authorised.
   */
  | {
      readonly kind: 'operator'
      readonly namespace: Namespace
      readonly level: Level
      readonly scope: 'fleet' | 'targets'
    }
  /**
   * The handler authorises the signed intent in the request. The policy only decides which peers
   * may send one.
   */
  | { readonly kind: 'intent' }
  /** A process that can open the node's unix socket (0600 in a 0700 folder). */
  | { readonly kind: 'local' }

/** Returns the requirement as text, for refusals and documents. */
export function describeCapability(capability: Capability): string {
  switch (capability.kind) {
    case 'stranger':
      return 'nothing'
    case 'member':
      return `a node certificate as ${capability.roles.join(' or ')}`
    case 'operator':
      return `a session of an operator with ${capability.level} on ${capability.namespace}`
    case 'intent':
      return 'a signed intent'
    case 'local':
      return "the node's own socket"
    default:
      return capability satisfies never
  }
}

/**
 * The capability number that hello exchanges. It numbers the features that the versions of the
 * protocols don't show, and it only grows. A peer with a lower number gets the older behaviour. An
 * absent number counts as 0.
 * - 1: 2026-10: first.
 */
export const CAPABILITY_NUMBER = 1
