/** Errors of hosts, enrolment, grants and revocations. */
import { defineErrors } from '../../shared/errors.ts'

export const registryError = defineErrors({
  'registry.unknown-host': {
    exit: 'notFound',
    message: (d: { host: string }) => `no host matches ${JSON.stringify(d.host)}`,
    hint: () => 'run `muster agent list` to see names and ids',
  },
  'registry.ambiguous-host': {
    exit: 'conflict',
    message: (d: { host: string; candidates: readonly string[] }) =>
      `${JSON.stringify(d.host)} matches ${d.candidates.length} hosts: ` +
      d.candidates.slice(0, 5).join(', '),
    hint: () => 'give more characters of the name or id',
  },
  'registry.bad-selector': {
    exit: 'usage',
    message: (d: { selector: string }) =>
      `${JSON.stringify(d.selector)} is not a selector: expected a host, k=v[,k=v] or all`,
    hint: () => 'write it like web-1, role=web, role=web,site=ber or all',
  },
  'registry.token-unknown': {
    exit: 'denied',
    message: () => 'the token is not valid: it is unknown, expired or was used before',
    hint: () => 'ask an operator for a new one: muster enroll token',
  },
  'registry.labels': {
    exit: 'usage',
    message: (d: { name: string; reason: string }) =>
      `${d.name} cannot have these labels: ${d.reason}`,
    hint: () => 'run `muster agent show NAME` to see its labels',
  },
  'registry.not-pending': {
    exit: 'conflict',
    message: (d: { name: string; status: string }) =>
      `${d.name} is ${d.status}, not waiting for approval`,
    hint: () => 'run `muster enroll list` to see the hosts that wait',
  },
  'registry.not-approved': {
    exit: 'conflict',
    message: (d: { name: string; status: string }) =>
      `${d.name} is ${d.status}, not a member of the fleet`,
    hint: () => 'run `muster enroll list` to see the hosts that wait for approval',
  },
  'registry.grant-taken': {
    exit: 'conflict',
    message: (d: { id: string }) => `there is already a grant ${d.id}`,
    hint: () => 'run `muster grant list` to see it',
  },
  'registry.grant-void': {
    exit: 'denied',
    message: (d: { issuer: string }) =>
      `the grant would have no effect: its issuer ${d.issuer} is not an operator, ` +
      `and no parent grant allows ${d.issuer} to pass on rights`,
    hint: () => 'ask an operator of the fleet to add the grant',
  },
  'registry.epoch': {
    exit: 'conflict',
    retryable: true,
    message: (d: { expected: number; got: number }) =>
      `another operator added a revocation at the same time: revocation epoch ` +
      `(expected ${d.expected}, got ${d.got})`,
    hint: () => 'run the command again',
  },
  'registry.too-many-pending': {
    exit: 'conflict',
    retryable: true,
    message: (d: { limit: number }) => `${d.limit} hosts wait for approval already`,
    hint: () => 'run `muster enroll list`, then approve or reject them',
  },
})
