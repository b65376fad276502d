/**
 * Errors of the log and its checkpoints. After one of the first four, the log refuses every change
 * until an operator decides.
 */
import { defineErrors } from '../../shared/errors.ts'

export const ledgerError = defineErrors({
  'ledger.rolled-back': {
    exit: 'verification',
    message: (d: { source: string; known: number; got: number }) =>
      `the database was rolled back: the log has ${d.got} entries, but ${d.source} has ${d.known}`,
    hint: () =>
      'restore the newest database, because agents have checkpoints of the lost entries; ' +
      'see docs/RECOVERY.md',
  },
  'ledger.forked': {
    exit: 'verification',
    message: (d: { source: string; size: number; known: string; got: string }) =>
      `the log is another one: its first ${d.size} entries have root ${d.got}, ` +
      `but ${d.source} has root ${d.known}`,
    hint: () =>
      'keep the database and both checkpoints, and run `muster audit verify` to find the change',
  },
  'ledger.damaged': {
    exit: 'verification',
    message: (d: { index: number | null; reason: string }) =>
      d.index === null
        ? `the log is damaged: ${d.reason}`
        : `log entry ${d.index} is damaged: ${d.reason}`,
    hint: () =>
      'run `muster audit verify` and see docs/RECOVERY.md; until then nothing is signed or changed',
  },
  'ledger.frozen': {
    exit: 'conflict',
    message: (d: { reason: string }) =>
      `the log takes no entries, so nothing can be changed: ${d.reason}`,
    hint: () => 'run `muster audit verify` to see why; reading still works',
  },
  'ledger.first': {
    exit: 'failed',
    message: (d: { got: string }) =>
      `the first entry of a log must be the root statement (got type ${d.got})`,
    hint: () => 'run `muster init` to create the log',
  },
  'ledger.empty': {
    exit: 'notFound',
    message: () => 'the log has no entries yet',
    hint: () => 'run `muster init` to create the log',
  },
  'ledger.entry': {
    exit: 'failed',
    message: (d: { reason: string }) => `the entry can't be logged: ${d.reason}`,
  },
  'ledger.signer': {
    exit: 'denied',
    message: (d: { key: string }) =>
      `other nodes would reject this coordinator's signatures: ${d.key} is not an issuing key ` +
      `of the fleet's root statement`,
    hint: () =>
      'use the issuing key of `muster init`, or have the operators sign a root with this key',
  },
  'ledger.intent-closed': {
    exit: 'conflict',
    message: (d: { operation: string }) => `operation ${d.operation} has its outcome already`,
  },
  'ledger.storage': {
    exit: 'failed',
    retryable: true,
    message: (d: { path: string; reason: string; operation?: string }) =>
      d.operation === 'reading'
        ? `reading ${d.path} failed: ${d.reason}`
        : `${d.path} cannot be written: ${d.reason}`,
    hint: (d: { operation?: string }) =>
      d.operation === 'reading'
        ? 'repair the disk or the permissions of that file, then try again'
        : 'free some space on that disk or repair it, then try again',
  },
  'ledger.read-back': {
    exit: 'failed',
    message: (d: { path: string }) => `${d.path} reads back other bytes than were written`,
    hint: () => 'check the disk and the memory of this machine; nothing was signed',
  },
  'ledger.export-exists': {
    exit: 'conflict',
    message: (d: { folder: string }) => `${d.folder} exists already`,
    hint: () => 'name a folder that does not exist yet',
  },
})
