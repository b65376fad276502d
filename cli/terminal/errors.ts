/** Declares the errors of the command line. */
import { defineErrors } from '../../shared/errors.ts'

export const cliError = defineErrors({
  'cli.usage': {
    exit: 'usage',
    message: (d: { reason: string; hint: string }) => d.reason,
    hint: (d: { reason: string; hint: string }) => d.hint,
  },
  'cli.not-utf8': {
    exit: 'usage',
    message: (d: { what: string }) => `${d.what} is not valid UTF-8; nothing was done`,
    hint: () =>
      'use a UTF-8 path or value; to pass other bytes on a host, create them in a shell there: ' +
      'sh -c \'rm "$(printf "caf\\351")"\'',
  },
  'cli.order-too-long': {
    exit: 'usage',
    message: (d: { bytes: number; most: number }) =>
      `the intent is too long for the log: expected at most ${d.most} bytes, got ${d.bytes}; ` +
      'nothing was signed',
    hint: () => 'put data into a file on the host, or name fewer hosts at once',
  },
  'cli.not-yet': {
    exit: 'usage',
    message: (d: { command: string; version: string; instead: string }) =>
      `\`muster ${d.command}\` does not exist in version ${d.version}`,
    hint: (d: { command: string; version: string; instead: string }) => d.instead,
  },
  'cli.interrupted': { exit: 'interrupted', message: () => 'interrupted' },
  'cli.detached': {
    exit: 'interrupted',
    message: (d: { goesOn: string }) => `interrupted, but ${d.goesOn}`,
  },
  'cli.terminated': { exit: 'terminated', message: () => 'terminated' },
  'cli.output-closed': {
    exit: 'outputClosed',
    message: () => 'the reader closed the output',
  },
  'cli.output-failed': {
    exit: 'failed',
    message: (d: { reason: string }) => `cannot write the output: ${d.reason}`,
    hint: () => 'the output is incomplete; fix the problem and run the command again',
  },
  'cli.not-confirmed': {
    exit: 'usage',
    message: (d: { action: string }) =>
      `this ${d.action}, and there is no terminal to confirm it on`,
    hint: () => 'check what it deletes or changes, then pass --yes to confirm',
  },
  'cli.other-coordinator': {
    exit: 'verification',
    message: (d: { expected: string; fleet: string }) =>
      `connected to a wrong coordinator: expected ${d.expected} of fleet ${d.fleet}`,
    hint: () => 'nothing was signed; ask the operator of the fleet for a fresh ticket',
  },
  'cli.declined': {
    exit: 'failed',
    message: (d: { action: string }) => `not confirmed, so nothing was done: this ${d.action}`,
    hint: () => 'run the command again and enter y',
  },
})
