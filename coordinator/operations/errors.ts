/** Why an operation is refused before anything is logged, or what became of it. */
import { defineErrors } from '../../shared/errors.ts'

export const operationError = defineErrors({
  'operation.unknown-verb': {
    exit: 'usage',
    message: (d: { verb: string }) => `this coordinator knows no operation ${d.verb}`,
    hint: () => 'compare the versions of the command line and the coordinator: muster version',
  },
  'operation.malformed': {
    exit: 'usage',
    message: (d: { verb: string; reason: string }) =>
      `the arguments of ${d.verb} are not valid: ${d.reason}`,
    hint: () => 'correct them and give the command again; nothing was done',
  },
  'operation.too-many-targets': {
    exit: 'usage',
    message: (d: { verb: string; targets: number }) =>
      `${d.verb} takes one target, not ${d.targets}`,
    hint: () => 'give the command once for each',
  },
  'operation.not-yours': {
    exit: 'denied',
    message: (d: { actor: string; caller: string }) =>
      `the order is signed by ${d.actor}, and ${d.caller} handed it in`,
  },
  'operation.reused-id': {
    exit: 'conflict',
    message: (d: { operation: string }) =>
      `operation ${d.operation} was used before, for another order`,
    hint: () => 'every order needs an id of its own; the command line draws one',
  },
  'operation.in-progress': {
    exit: 'conflict',
    retryable: true,
    message: (d: { operation: string }) =>
      `operation ${d.operation} is under way on another coordinator`,
    hint: () => 'muster audit log shows its outcome when it has one',
  },
  'operation.unsigned': {
    exit: 'failed',
    retryable: true,
    message: (d: { verb: string; target: string }) =>
      `${d.verb} of ${d.target} was not begun: the log could not be signed`,
    hint: () => 'muster doctor on the coordinator shows what keeps it from writing',
  },
  'operation.done-unsigned': {
    exit: 'partly',
    message: (d: { verb: string; target: string; reason: string }) =>
      `${d.verb}${d.target === '' ? '' : ` of ${d.target}`} is done and logged, but the log could not be signed: ${d.reason}`,
    hint: () =>
      'it holds; nothing more is changed until the log is signed: muster doctor on the coordinator shows what keeps it from writing',
  },
  'operation.unlogged': {
    exit: 'failed',
    message: (d: { verb: string; target: string; reason: string }) =>
      `what became of ${d.verb}${d.target === '' ? '' : ` of ${d.target}`} could not be logged: ${d.reason}`,
    hint: () =>
      'it may be done; once the log can be written, the next operation on the same target or the next start of the coordinator finds out and logs it: muster audit log',
  },
  'operation.unsettled': {
    exit: 'conflict',
    retryable: true,
    message: (d: {
      verb: string
      target: string
      open: string
      openVerb: string
      reason: string
    }) =>
      `${d.verb}${d.target === '' ? '' : ` of ${d.target}`} was not begun: operation ${d.open} (${d.openVerb}) on the same target has no outcome yet, and it can't be logged: ${d.reason}`,
    hint: () =>
      'make room for the database and the log, then run this again: it settles that operation first; `muster audit log` shows its outcome',
  },
  'operation.superseded': {
    exit: 'conflict',
    message: (d: { verb: string; target: string; later: string; laterVerb: string }) =>
      `${d.verb} of ${d.target} was interrupted, and operation ${d.later} (${d.laterVerb}) came after it: what is there now is that one's work`,
    hint: () => 'run it again if it is still wanted',
  },
  'operation.stopped': {
    exit: 'failed',
    retryable: true,
    message: (d: { verb: string; target: string }) =>
      `${d.verb} of ${d.target} was interrupted before it was done`,
    hint: () => 'run it again if it is still wanted',
  },
  'operation.interrupted': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { operation: string }) =>
      `the coordinator ended before it knew what became of operation ${d.operation}`,
    hint: () => 'it finds out when it starts again; muster audit log shows the outcome then',
  },
})
