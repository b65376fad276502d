/** Why an agent does not do what it is told. The reason travels inside the signed outcome. */
import { defineErrors } from '../../shared/errors.ts'

export const commandError = defineErrors({
  'command.not-for-us': {
    exit: 'denied',
    message: (d: { agent: string }) => `the order does not name this host (${d.agent})`,
  },
  'command.unknown-verb': {
    exit: 'denied',
    message: (d: { verb: string }) => `agents do not carry out ${d.verb}`,
  },
  'command.malformed': {
    exit: 'verification',
    message: (d: { reason: string }) => `the order is malformed: ${d.reason}`,
  },
  'command.no-proof': {
    exit: 'verification',
    message: (d: { reason: string }) =>
      `nothing proves that the order stands in the log: ${d.reason}`,
  },
  'command.not-covered': {
    exit: 'denied',
    message: (d: { actor: string; reason: string }) =>
      `${d.actor} may not do this here: ${d.reason}`,
  },
  'command.replayed': {
    exit: 'conflict',
    message: (d: { operation: string }) =>
      `operation ${d.operation} was accepted before with other contents`,
  },
  'command.journal-full': {
    exit: 'failed',
    retryable: true,
    message: (d: { limit: number }) =>
      `this host accepted ${d.limit} orders within minutes and takes no more for now`,
  },
  'command.journal-damaged': {
    exit: 'failed',
    message: (d: { path: string }) => `the record of an accepted order cannot be read: ${d.path}`,
    hint: () => 'move it away only if you know that the order must not be carried out again',
  },
})
