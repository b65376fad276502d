/**
 * Declares errors of statements and rights: malformed, wrongly signed, out of their validity, or
 * not allowed.
 */
import { defineErrors, type ErrorData } from '../errors.ts'

export const trustError = defineErrors({
  'trust.malformed': {
    exit: 'verification',
    message: (d: { what: string; reason: string }) => `${d.what} is malformed: ${d.reason}`,
  },
  'trust.type': {
    exit: 'verification',
    message: (d: { expected: string; got: string }) =>
      `the statement has type ${d.got}, expected ${d.expected}`,
  },
  'trust.scheme': {
    exit: 'verification',
    message: (d: { what: string; expected: string; got: string }) =>
      `${d.what} is signed as ${d.got}, expected ${d.expected}`,
  },
  'trust.signature': {
    exit: 'verification',
    message: (d: { what: string; reason: string }) =>
      `the signature of ${d.what} is not valid: ${d.reason}`,
  },
  'trust.author': {
    exit: 'verification',
    message: (d: { what: string; expected: string; got: string }) =>
      `${d.what} is signed by ${d.got}, but names ${d.expected} as its author`,
  },
  'trust.fleet': {
    exit: 'verification',
    message: (d: { what: string; expected: string; got: string }) =>
      `${d.what} belongs to fleet ${d.got}, expected ${d.expected}`,
    hint: () => '--home and --coordinator choose a fleet; muster ticket prints the ticket of one',
  },
  'trust.too-early': {
    exit: 'denied',
    retryable: true,
    message: (d: { what: string; from: string; at: string }) =>
      `${d.what} is valid from ${d.from}; the time here is ${d.at}`,
    hint: () => 'compare the clocks of the two hosts',
  },
  'trust.expired': {
    exit: 'denied',
    message: (d: { what: string; until: string; at: string }) =>
      `${d.what} expired at ${d.until}; the time here is ${d.at}`,
    hint: () => 'retry with a fresh one; if that fails too, compare the clocks of the two hosts',
  },
  'trust.issuer': {
    exit: 'denied',
    message: (d: { what: string; key: string }) =>
      `${d.what} is signed by ${d.key}, which is not an issuing key of the fleet's root statement`,
  },
  'trust.other-coordinator': {
    exit: 'denied',
    message: (d: { expected: string; got: string }) =>
      `the session is for coordinator ${d.got}, expected ${d.expected}`,
  },
  'trust.revoked': {
    exit: 'denied',
    message: (d: { what: string; target: string }) => `${d.what} is void: ${d.target} was revoked`,
  },
  'trust.root': {
    exit: 'verification',
    message: (d: { version: number; reason: string }) =>
      `root statement version ${d.version} is invalid: ${d.reason}`,
    hint: () => 'compare the root fingerprint that muster ticket prints with the one you pinned',
  },
  'trust.epoch': {
    exit: 'verification',
    message: (d: { epoch: number; known: number; limit: number }) =>
      `revocation epoch ${d.epoch} is more than ${d.limit} ahead of the known epoch ${d.known}`,
  },
  'trust.equivocation': {
    exit: 'verification',
    message: (d: { what: string }) =>
      `two different signed statements exist for ${d.what}: expected exactly one`,
    hint: () => 'keep both as evidence, and check the log: muster audit verify',
  },
  'trust.opening': {
    exit: 'verification',
    message: (d: { variable: string; reason: string }) =>
      `the value of the variable ${d.variable} is rejected: ${d.reason}`,
    hint: () => 'repeat the command; values are not stored',
  },
  'trust.revoker': {
    exit: 'denied',
    message: (d: { actor: string; kind: string; target: string; reason: string }) =>
      `${d.actor} may not revoke the ${d.kind} ${d.target}: ${d.reason}`,
    hint: () =>
      "no grant gives this right: an operator of the fleet's root statement must revoke it",
  },
  'trust.denied': {
    exit: 'denied',
    message: (d: Denied) => `${d.actor} may not ${d.level} ${d.namespace}: ${d.reason}`,
    hint: deniedHint,
  },
})

function deniedHint(d: Denied): string {
  if (d.reason === 'its key was revoked')
    return 'sign with another key: --identity FILE (a revoked key has no rights)'
  // The grant has no parent that allows delegation, so no further grant would help.
  if (d.namespace === 'policy' && d.level === 'control')
    return "ask an operator of the fleet's root statement to do it"
  // The host is unknown, or the caller has no right to see it. So no grant for a named host would
  // help.
  if (d.reason === 'its grant does not cover this host' && d.on === 'HOST')
    return 'name a host that the grant covers; an operator sees all with `muster agent list`'
  // The docs fill in text.
  const more: readonly string[] = Array.isArray(d.more) ? d.more : []
  const commands = [grantCommand(d), ...more].map((command) => `\`${command}\``)
  return `an operator can allow it for an hour: ${commands.join(' and ')}`
}

interface Denied extends ErrorData {
  readonly actor: string
  readonly namespace: string
  readonly level: string
  readonly reason: string
  /**
   * The target hosts in the form of `--on`, or '' if only a right to all hosts covers the request.
   */
  readonly on: string
  /** The commands for other grants that the command needs. Absent if there are none. */
  readonly more?: readonly string[]
}

/** Grants exactly the denied request. An older coordinator doesn't send `on`. */
export function grantCommand({
  actor,
  namespace,
  level,
  on,
}: Pick<Denied, 'actor' | 'namespace' | 'level' | 'on'>): string {
  const hosts = on === '' ? '' : ` --on ${on ?? 'HOST'}`
  return `muster grant add --to ${actor} --namespace ${namespace} --level ${level}${hosts} --ttl 1h`
}
