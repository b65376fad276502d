/** Errors of audit logs, checkpoints, proofs and bundles. */
import { defineErrors } from '../errors.ts'

export const auditError = defineErrors({
  'audit.range': {
    exit: 'usage',
    message: (d: { what: string; got: number; limit: number }) =>
      `${d.what} ${d.got} is outside the log, which ends at ${d.limit}`,
    hint: () => 'muster audit log shows the newest entries with their indexes',
  },
  'audit.proof': {
    exit: 'verification',
    message: (d: { what: string; reason: string }) => `the ${d.what} proof is invalid: ${d.reason}`,
    hint: () => 'keep the checkpoints of both sides: they are evidence that the log was changed',
  },
  'audit.note': {
    exit: 'verification',
    message: (d: { reason: string }) => `the signed note is invalid: ${d.reason}`,
  },
  'audit.checkpoint': {
    exit: 'verification',
    message: (d: { reason: string }) => `the checkpoint is invalid: ${d.reason}`,
  },
  'audit.entry': {
    exit: 'verification',
    message: (d: { index: number | null; reason: string }) =>
      `log entry ${d.index ?? '(new)'} is invalid: ${d.reason}`,
  },
  'audit.smaller': {
    exit: 'verification',
    message: (d: { known: number; got: number }) =>
      `the log shrank: a checkpoint of ${d.known} entries is known, ` +
      `and one of ${d.got} was presented`,
    hint: () => 'keep both checkpoints: the log was rolled back or a part of it is hidden',
  },
  'audit.equivocation': {
    exit: 'verification',
    message: (d: { size: number; known: string; got: string }) =>
      `two different logs of ${d.size} entries were signed: ${d.known} and ${d.got}`,
    hint: () => 'keep both checkpoints: together they prove that two different logs were signed',
  },
  'audit.bundle': {
    exit: 'verification',
    message: (d: { file: string; reason: string }) =>
      `the bundle does not verify: ${d.file}: ${d.reason}`,
    hint: () => 'keep the bundle as evidence and ask for another copy',
  },
  'audit.bundle-missing': {
    exit: 'notFound',
    message: (d: { folder: string; reason: string }) =>
      `${d.folder} is not an exported log: ${d.reason}`,
    hint: () => 'write one with: muster audit export --to DIR',
  },
})
