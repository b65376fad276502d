/**
 * Errors of the runner and its client. What the operating system says about a program is no error
 * here: it is the state `failed to start`.
 */
import { defineErrors } from '../../../shared/errors.ts'

export const runnerError = defineErrors({
  'runner.conflict': {
    exit: 'conflict',
    message: (d: { run: string }) => `run ${d.run} exists with another order`,
    hint: () => 'use a new run id for a new order',
  },
  'runner.invalid-order': {
    exit: 'usage',
    message: (d: { field: string; expected: string; got: string }) =>
      `run order: ${d.field}: expected ${d.expected}, got ${d.got}`,
    hint: () => 'correct the command and give it again; nothing was started',
  },
  'runner.invalid-request': {
    exit: 'usage',
    message: (d: { what: string; expected: string }) =>
      `runner request: ${d.what}: expected ${d.expected}`,
  },
  'runner.full': {
    exit: 'conflict',
    retryable: true,
    message: (d: { live: number; limit: number }) =>
      `the runner has ${d.live} live runs, its limit is ${d.limit}`,
    hint: () => 'stop runs or wait for some to end',
  },
  'runner.crowded': {
    exit: 'conflict',
    retryable: true,
    message: (d: { known: number; limit: number }) =>
      `the runner started ${d.known} runs within minutes, and remembers ${d.limit} at most`,
    hint: () => 'wait a few minutes; a loop that starts a run for each item belongs into one run',
  },
  'runner.live': {
    exit: 'conflict',
    message: (d: { live: number }) => `the runner has ${d.live} live runs`,
    hint: () => 'stop them first, or let them end',
  },
  'runner.closing': {
    exit: 'unreachable',
    retryable: true,
    message: () => 'the runner is ending',
  },
  'runner.ended': {
    exit: 'conflict',
    message: (d: { run: string; state: string }) => `run ${d.run} has ended: ${d.state}`,
  },
  'runner.will-not-stop': {
    exit: 'failed',
    retryable: true,
    message: (d: { run: string; processes: number; waitedMs: number }) =>
      `run ${d.run}: ${d.processes} of its processes still live ${d.waitedMs} ms after SIGKILL`,
    hint: () =>
      'a process in uninterruptible sleep waits for its disk or network file system; stop again later',
  },
  'runner.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { socket: string; reason: string }) =>
      `no runner answers at ${d.socket}: ${d.reason}`,
    hint: () => 'its log is runner.log beside the socket',
  },
  'runner.held': {
    exit: 'conflict',
    message: (d: { lock: string }) => `another runner holds ${d.lock}`,
  },
  'runner.unsafe-path': {
    exit: 'denied',
    message: (d: { path: string; reason: string }) =>
      `${d.path} can't be trusted as the runner's: ${d.reason}`,
    hint: () => 'find out which user made it before you move it away',
  },
  'runner.missing-tool': {
    exit: 'failed',
    message: (d: { name: string; folders: readonly string[] }) =>
      `there is no program ${d.name} in ${d.folders.join(', ')}`,
    hint: () => 'install coreutils and a POSIX shell',
  },
  'runner.broken-frame': {
    exit: 'failed',
    message: (d: { reason: string }) => `broken frame on the runner's socket: ${d.reason}`,
  },
  'runner.protocol': {
    exit: 'failed',
    message: (d: { expected: number; got: number }) =>
      `the runner speaks protocol ${d.got}, this program ${d.expected}`,
    hint: () => 'let its runs end, then stop that runner: the next agent starts a new one',
  },
  'runner.internal': {
    exit: 'failed',
    message: (d: { method: string }) => `the runner failed at ${d.method}`,
    hint: () => 'its log is runner.log beside the socket',
  },
})
