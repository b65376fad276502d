/**
 * Errors in outcomes. Existing logs contain these codes, so the codes keep their old areas
 * (`dispatch.`, `operation.`).
 */
import { defineErrors } from '../../shared/errors.ts'

/** Errors that a host's signed outcome reports, and the error for an invalid outcome. */
export const hostOutcomeError = defineErrors({
  'dispatch.refused': {
    exit: 'denied',
    message: (d: { host: string; reason: string }) => `${d.host} refused the intent: ${d.reason}`,
  },
  'dispatch.failed': {
    exit: 'failed',
    message: (d: { host: string; reason: string }) =>
      `${d.host} could not carry out the intent: ${d.reason}`,
    hint: (d: { host: string; reason: string }) =>
      `fix the problem on ${d.host}, or correct the command and retry`,
  },
  'dispatch.no-space': {
    exit: 'failed',
    retryable: true,
    message: (d: { host: string; reason: string }) => `no space left on ${d.host}: ${d.reason}`,
    hint: (d: { host: string; reason: string }) =>
      `free some space on ${d.host}, then retry; nothing was started there`,
  },
  'dispatch.host-disk': {
    exit: 'failed',
    message: (d: { host: string; reason: string }) =>
      `${d.host} cannot use its own files: ${d.reason}`,
    hint: (d: { host: string; reason: string }) =>
      `run \`muster doctor\` on ${d.host}; nothing was started there`,
  },
  'dispatch.bad-outcome': {
    exit: 'verification',
    message: (d: { host: string; reason: string }) => `invalid outcome from ${d.host}: ${d.reason}`,
  },
})

/** The error in the outcome if the coordinator has a bug. */
export const outcomeError = defineErrors({
  'operation.failed': {
    exit: 'failed',
    message: (d: { verb: string; target: string }) =>
      `${d.verb} of ${d.target} failed inside the coordinator`,
    hint: () => "read the coordinator's log; it has the reason",
  },
})
