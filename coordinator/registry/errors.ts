/** What can go wrong between a host's first contact and its place in the fleet. */
import { defineErrors } from '../../shared/errors.ts'

export const registryError = defineErrors({
  'registry.unknown-host': {
    exit: 'notFound',
    message: (d: { host: string }) => `no host matches ${JSON.stringify(d.host)}`,
    hint: () => 'muster agent list shows names and ids',
  },
  'registry.ambiguous-host': {
    exit: 'conflict',
    message: (d: { host: string; candidates: readonly string[] }) =>
      `${JSON.stringify(d.host)} matches ${d.candidates.length} hosts: ${d.candidates.slice(0, 5).join(', ')}`,
    hint: () => 'give more of the name or id',
  },
  'registry.bad-selector': {
    exit: 'usage',
    message: (d: { selector: string }) =>
      `${JSON.stringify(d.selector)} is neither a host, nor k=v[,k=v], nor all`,
    hint: () => 'such as web-1, role=web, role=web,site=ber, or all',
  },
  'registry.token-unknown': {
    exit: 'denied',
    message: () => 'the token is not valid: it is unknown, expired or was used before',
    hint: () => 'ask for a new one: muster enroll token',
  },
  'registry.name-taken': {
    exit: 'conflict',
    message: (d: { name: string }) => `another host is already called ${d.name}`,
    hint: () => 'join with another --name; the names of revoked hosts stay taken',
  },
  'registry.agent-taken': {
    exit: 'conflict',
    message: (d: { agent: string }) => `agent ${d.agent} is enrolled with another key`,
    hint: () => 'a host that lost its key joins as a new agent: start from an empty home',
  },
  'registry.key-taken': {
    exit: 'conflict',
    message: (d: { name: string }) => `this node key belongs to ${d.name}`,
    hint: () =>
      'a cloned disk needs a new home: muster agent join TOKEN --home DIR, with an empty DIR',
  },
  'registry.labels': {
    exit: 'usage',
    message: (d: { name: string; reason: string }) =>
      `${d.name} cannot have these labels: ${d.reason}`,
    hint: () => 'muster agent show NAME tells which it has',
  },
  'registry.revoked': {
    exit: 'denied',
    message: (d: { name: string }) => `${d.name} was revoked`,
    hint: () => 'join again with a new home and a new key',
  },
  'registry.not-pending': {
    exit: 'conflict',
    message: (d: { name: string; status: string }) =>
      `${d.name} is ${d.status}, not waiting for approval`,
    hint: () => 'muster enroll list shows the hosts that wait',
  },
  'registry.not-approved': {
    exit: 'conflict',
    message: (d: { name: string; status: string }) =>
      `${d.name} is ${d.status}, not a member of the fleet`,
    hint: () => 'muster enroll list shows the hosts that wait for approval',
  },
  'registry.grant-taken': {
    exit: 'conflict',
    message: (d: { id: string }) => `there is already a grant ${d.id}`,
    hint: () => 'muster grant list shows it',
  },
  'registry.grant-void': {
    exit: 'denied',
    message: (d: { issuer: string }) =>
      `the grant would allow nothing: ${d.issuer} is no operator of the fleet, and names no grant of its own that may be passed on`,
    hint: () => "an operator of the fleet's root statement can add it",
  },
  'registry.epoch': {
    exit: 'conflict',
    retryable: true,
    message: (d: { expected: number; got: number }) =>
      `somebody else revoked at the same moment: the next revocation epoch is ${d.expected}, not ${d.got}`,
    hint: () => 'run the command again',
  },
  'registry.too-many-pending': {
    exit: 'conflict',
    retryable: true,
    message: (d: { limit: number }) => `${d.limit} hosts wait for approval already`,
    hint: () => 'muster enroll list, then approve or reject them',
  },
})
