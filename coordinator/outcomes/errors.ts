/**
 * Errors that stand in outcomes. Their codes are in logs that exist, so they keep the areas that
 * they had when those were written.
 */
import { defineErrors } from '../../shared/errors.ts'

/** What a host's signed outcome says, or why it was rejected. */
export const hostOutcomeError = defineErrors({
  'dispatch.refused': {
    exit: 'denied',
    message: (d: { host: string; reason: string }) => `${d.host} refused the order: ${d.reason}`,
  },
  'dispatch.failed': {
    exit: 'failed',
    message: (d: { host: string; reason: string }) => `${d.host} could not do it: ${d.reason}`,
    hint: (d: { host: string; reason: string }) =>
      `mend it on ${d.host}, or correct the command and give it again`,
  },
  'dispatch.no-space': {
    exit: 'failed',
    retryable: true,
    message: (d: { host: string; reason: string }) => `no space left on ${d.host}: ${d.reason}`,
    hint: (d: { host: string; reason: string }) =>
      `free some space on ${d.host}, then repeat the command; nothing was started there`,
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
    message: (d: { host: string; reason: string }) =>
      `the outcome that ${d.host} sent does not check out: ${d.reason}`,
  },
})

/** The coordinator's own fault, as the outcome of a target. */
export const outcomeError = defineErrors({
  'operation.failed': {
    exit: 'failed',
    message: (d: { verb: string; target: string }) =>
      `${d.verb} of ${d.target} failed inside the coordinator`,
    hint: () => "the coordinator's log has the reason",
  },
})
