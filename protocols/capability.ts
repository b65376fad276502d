/**
 * What a caller needs to be allowed a method. Every method declares one; the type of `method()`
 * leaves no way around it, and `serveProtocol` asks the policy with it before a request's body is
 * parsed, for every request anew.
 */

/** What a node certificate says its subject is. */
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
/** A namespace of docs/ARCHITECTURE.md; `run` covers `run/<agent>`. */
export type Namespace = Area | `${Area}/${string}`

export type Capability =
  /**
   * Anybody who can open a connection. `why` says why that is safe; only hello, enroll and session
   * have it.
   */
  | { readonly kind: 'stranger'; readonly why: string }
  /** A valid node certificate of one of these roles on this connection. */
  | { readonly kind: 'member'; readonly roles: readonly Role[] }
  /**
   * A proved session of an operator and a grant. `targets`: the handler names the targets first,
   * and each one is authorised.
   */
  | {
      readonly kind: 'operator'
      readonly namespace: Namespace
      readonly level: Level
      readonly scope: 'fleet' | 'targets'
    }
  /**
   * Authorised from a signed intent inside the request, by the handler; the policy decides only who
   * may hand one in.
   */
  | { readonly kind: 'intent' }
  /** Whoever could open the node's own unix socket (0600 in a 0700 folder). */
  | { readonly kind: 'local' }

/** For refusals and documents: what to have, in words. */
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
 * The capability number that hello exchanges: what this program understands beyond the protocols'
 * own versions. It only rises; a peer with a lower number is spoken to in the older way, and absent
 * means 0.
 * - 1: 2026-10: first.
 */
export const CAPABILITY_NUMBER = 1
