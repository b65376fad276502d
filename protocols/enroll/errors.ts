/** Final refusals of a join. A new attempt with the same values fails too. */
import { defineErrors } from '../../shared/errors.ts'

export const enrollRefusal = defineErrors({
  'registry.revoked': {
    exit: 'denied',
    message: (d: { name: string }) => `${d.name} was revoked`,
    hint: () => 'join again with a new home and a new key',
  },
  'registry.agent-taken': {
    exit: 'conflict',
    message: (d: { agent: string }) => `agent ${d.agent} is enrolled with another key`,
    hint: () => 'join as a new agent, with an empty home',
  },
  'registry.key-taken': {
    exit: 'conflict',
    message: (d: { name: string }) => `this node key belongs to ${d.name}`,
    hint: () =>
      'if the disk was cloned, join with an empty home: muster agent join TOKEN --home DIR',
  },
  'registry.name-taken': {
    exit: 'conflict',
    message: (d: { name: string }) => `another host is already called ${d.name}`,
    hint: () => 'join with another --name; the names of revoked hosts stay taken',
  },
})
