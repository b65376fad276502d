/** Errors of operations: rejections before the intent is logged, and errors in outcomes. */
import { defineErrors } from '../../shared/errors.ts'

interface About {
  readonly verb: string
  readonly target: string
  readonly [key: string]: string
}

const operation = ({ verb, target }: About): string =>
  target === '' ? verb : `${verb} of ${target}`

export const operationError = defineErrors({
  'operation.unknown-verb': {
    exit: 'usage',
    message: (d: { verb: string }) => `this coordinator has no operation ${d.verb}`,
    hint: () =>
      'compare the versions of the command line and the coordinator with `muster version`',
  },
  'operation.malformed': {
    exit: 'usage',
    message: (d: { verb: string; reason: string }) => `invalid arguments of ${d.verb}: ${d.reason}`,
    hint: () => 'correct them and run the command again; nothing was changed',
  },
  'operation.too-many-targets': {
    exit: 'usage',
    message: (d: { verb: string; targets: number }) =>
      `${d.verb} takes one target (expected 1, got ${d.targets})`,
    hint: () => 'run the command once for each target',
  },
  'operation.not-yours': {
    exit: 'denied',
    message: (d: { actor: string; caller: string }) =>
      `the intent is signed by ${d.actor}, but the session is of ${d.caller}`,
  },
  'operation.reused-id': {
    exit: 'conflict',
    message: (d: { operation: string }) =>
      `operation ${d.operation} already exists, with another intent`,
    hint: () => 'sign each intent with a new id, as the command line does',
  },
  'operation.in-progress': {
    exit: 'conflict',
    retryable: true,
    message: (d: { operation: string }) =>
      `operation ${d.operation} is under way on another coordinator`,
    hint: () => 'run `muster audit log` later; it shows the outcome',
  },
  'operation.unsigned': {
    exit: 'failed',
    retryable: true,
    message: (d: { verb: string; target: string }) =>
      `${d.verb} of ${d.target} did not begin: the log could not be signed`,
    hint: () => 'run `muster doctor` on the coordinator; it shows why the log cannot be written',
  },
  'operation.done-unsigned': {
    exit: 'partly',
    message: (d: About & { reason: string }) =>
      `${operation(d)} is done and logged, but the log could not be signed: ${d.reason}`,
    hint: () =>
      'run `muster doctor` on the coordinator; it shows why the log cannot be written; the ' +
      'change is valid, and the next one waits until the log is signed',
  },
  'operation.unlogged': {
    exit: 'failed',
    message: (d: About & { reason: string }) =>
      `the outcome of ${operation(d)} could not be logged: ${d.reason}`,
    hint: () =>
      'run the command again when the log can be written; ' +
      'the coordinator then finds out the outcome, and `muster audit log` shows it',
  },
  'operation.unsettled': {
    exit: 'conflict',
    retryable: true,
    message: (d: About & { open: string; openVerb: string; reason: string }) =>
      `${operation(d)} did not begin: operation ${d.open} (${d.openVerb}) on the same target has ` +
      `no outcome yet, and it can't be logged: ${d.reason}`,
    hint: () =>
      'make room for the database and the log, then run this again: it settles that operation ' +
      'first; `muster audit log` shows its outcome',
  },
  'operation.superseded': {
    exit: 'conflict',
    message: (d: { verb: string; target: string; later: string; laterVerb: string }) =>
      `${d.verb} of ${d.target} was interrupted, and operation ${d.later} (${d.laterVerb}) ` +
      'has changed the same target since',
    hint: () => 'run it again if you still want it',
  },
  'operation.stopped': {
    exit: 'failed',
    retryable: true,
    message: (d: { verb: string; target: string }) =>
      `${d.verb} of ${d.target} was interrupted before it was done`,
    hint: () => 'run it again if you still want it',
  },
  'operation.interrupted': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { operation: string }) =>
      `the coordinator ended before operation ${d.operation} had an outcome`,
    hint: () =>
      'run `muster audit log` after the next start of the coordinator, which finds out the outcome',
  },
})
