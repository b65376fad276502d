/**
 * Errors of the runner and its client. If the operating system refuses a program, the runner
 * records the state `failed to start` and throws no error.
 */
import { defineErrors } from '../../../shared/errors.ts'

export const runnerError = defineErrors({
  'runner.conflict': {
    exit: 'conflict',
    message: (d: { run: string }) => `run id ${d.run} belongs to another run`,
    hint: () => 'use a new run id',
  },
  'runner.invalid-order': {
    exit: 'usage',
    message: (d: { field: string; expected: string; got: string }) =>
      `invalid run: ${d.field}: expected ${d.expected}, got ${d.got}`,
    hint: () => 'correct the command and retry; nothing was started',
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
      `the runner started ${d.known} runs within minutes, and keeps at most ${d.limit}`,
    hint: () => 'wait a few minutes, and put a loop over many items into one run',
  },
  'runner.live': {
    exit: 'conflict',
    message: (d: { live: number }) => `the runner has ${d.live} live runs`,
    hint: () => 'stop each run with `muster process stop RUN`, or wait until it ends',
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
      'repair the disk or network file system that blocks its processes, then stop the run again',
  },
  'runner.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { socket: string; reason: string }) =>
      `no runner responds at ${d.socket}: ${d.reason}`,
    hint: () => 'read runner.log beside the socket',
  },
  'runner.held': {
    exit: 'conflict',
    message: (d: { lock: string }) => `another runner has the lock ${d.lock}`,
  },
  'runner.unsafe-path': {
    exit: 'denied',
    message: (d: { path: string; reason: string }) =>
      `${d.path} is not safe for the runner: ${d.reason}`,
    hint: () => 'check which user made it, then move it away',
  },
  'runner.missing-tool': {
    exit: 'failed',
    message: (d: { name: string; folders: readonly string[] }) =>
      `no program ${d.name} in ${d.folders.join(', ')}`,
    hint: () => 'install coreutils and a POSIX shell',
  },
  'runner.broken-frame': {
    exit: 'failed',
    message: (d: { reason: string }) => `broken frame on the runner's socket: ${d.reason}`,
  },
  'runner.protocol': {
    exit: 'failed',
    message: (d: { expected: number; got: number }) =>
      `the runner has protocol ${d.got}, expected ${d.expected}`,
    hint: () => 'wait until its runs end, stop the runner, then restart the agent',
  },
  'runner.internal': {
    exit: 'failed',
    message: (d: { method: string }) => `the runner failed at ${d.method}`,
    hint: () => 'read runner.log beside the socket',
  },
})
