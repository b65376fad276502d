/**
 * Why the log takes no entry or signs no checkpoint. After the first four of these nothing is
 * changed any more until a person decides.
 */
import { defineErrors } from '../../shared/errors.ts'

export const ledgerError = defineErrors({
  'ledger.rolled-back': {
    exit: 'verification',
    message: (d: { source: string; known: number; got: number }) =>
      `the log has ${d.got} entries, but ${d.source} has seen ${d.known}: the database was rolled back`,
    hint: () =>
      'restore the newest database; entries that agents have seen cannot be taken back; see docs/RECOVERY.md',
  },
  'ledger.forked': {
    exit: 'verification',
    message: (d: { source: string; size: number; known: string; got: string }) =>
      `the log's first ${d.size} entries have root ${d.got}, but ${d.source} has root ${d.known}: it is another log`,
    hint: () =>
      'keep the database and both checkpoints as they are, and find out who changed what: muster audit verify',
  },
  'ledger.damaged': {
    exit: 'verification',
    message: (d: { index: number | null; reason: string }) =>
      d.index === null
        ? `the log is damaged: ${d.reason}`
        : `log entry ${d.index} is damaged: ${d.reason}`,
    hint: () =>
      'nothing is signed or changed until this is resolved: muster audit verify; see docs/RECOVERY.md',
  },
  'ledger.frozen': {
    exit: 'conflict',
    message: (d: { reason: string }) =>
      `the log takes no entries, so nothing can be changed: ${d.reason}`,
    hint: () => 'muster audit verify tells more; reading goes on meanwhile',
  },
  'ledger.first': {
    exit: 'failed',
    message: (d: { got: string }) =>
      `the first entry of a log is the root statement, not one of type ${d.got}`,
    hint: () => 'muster init founds the log',
  },
  'ledger.empty': {
    exit: 'notFound',
    message: () => 'the log has no entries yet',
    hint: () => 'muster init founds the log',
  },
  'ledger.entry': {
    exit: 'failed',
    message: (d: { reason: string }) => `this cannot be logged: ${d.reason}`,
  },
  'ledger.signer': {
    exit: 'denied',
    message: (d: { key: string }) =>
      `${d.key} is not an issuing key of the fleet's root statement, so nobody would believe what it signs`,
    hint: () =>
      'use the issuing key that `muster init` made for this coordinator, or have the operators sign a root that names this one',
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
        : 'make room on that disk or repair it, then try again',
  },
  'ledger.read-back': {
    exit: 'failed',
    message: (d: { path: string }) => `${d.path} reads back other bytes than were written`,
    hint: () => 'the disk or memory of this machine is not to be trusted; nothing was signed',
  },
  'ledger.export-exists': {
    exit: 'conflict',
    message: (d: { folder: string }) => `${d.folder} exists already`,
    hint: () => 'name a folder that does not exist yet',
  },
})
