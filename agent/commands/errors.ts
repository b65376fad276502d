/** The reasons why an agent refuses an intent. The signed outcome contains the reason. */
import { defineErrors } from '../../shared/errors.ts'

export const commandError = defineErrors({
  'command.not-for-us': {
    exit: 'denied',
    message: (d: { agent: string }) => `the intent does not name this host (${d.agent})`,
  },
  'command.unknown-verb': {
    exit: 'denied',
    message: (d: { verb: string }) => `agents do not carry out ${d.verb}`,
  },
  'command.malformed': {
    exit: 'verification',
    message: (d: { reason: string }) => `the intent is malformed: ${d.reason}`,
  },
  'command.no-proof': {
    exit: 'verification',
    message: (d: { reason: string }) => `no proof that the intent is in the log: ${d.reason}`,
  },
  'command.not-covered': {
    exit: 'denied',
    message: (d: { actor: string; reason: string }) =>
      `${d.actor} may not do this here: ${d.reason}`,
  },
  'command.replayed': {
    exit: 'conflict',
    message: (d: { operation: string }) =>
      `this host knows operation ${d.operation} with another intent`,
  },
  'command.journal-full': {
    exit: 'failed',
    retryable: true,
    message: (d: { limit: number }) =>
      `this host keeps ${d.limit} intents and cannot take more for now`,
    hint: () => 'wait ten minutes, then repeat the command',
  },
  'command.journal-damaged': {
    exit: 'failed',
    message: (d: { path: string }) => `the record of an accepted intent cannot be read: ${d.path}`,
    hint: () => 'restore the file; or move it away if its operation must not be repeated here',
  },
})
