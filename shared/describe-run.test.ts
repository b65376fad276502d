/** Tests status texts and exit codes, because scripts depend on them. */
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  isTerminal,
  unenforcedLimits,
  type RunEnd,
  runExitCode,
  summarizeRun,
  describeRun,
  killReason,
} from './describe-run.ts'

test('each run state has its documented status text and exit code', () => {
  const table: readonly [RunEnd, words: string, code: number, ended: boolean][] = [
    [{ state: 'starting' }, 'running', 125, false],
    [{ state: 'running' }, 'running', 125, false],
    [{ state: 'exited', exitCode: 0 }, 'exited: 0', 0, true],
    [{ state: 'exited', exitCode: 7 }, 'exited: 7', 7, true],
    [{ state: 'exited', exitCode: null }, 'exited: unknown', 125, true],
    [{ state: 'killed', signal: 'SIGRTMIN+3' }, 'killed: SIGRTMIN+3', 165, true],
    [{ state: 'killed', signal: 'SIGRTMAX' }, 'killed: SIGRTMAX', 192, true],
    [{ state: 'killed', signal: 'SIGNEW' }, 'killed: SIGNEW', 128, true],
    [{ state: 'killed' }, 'killed: unknown', 125, true],
    [{ state: 'failed to start', reason: 'ENOENT' }, 'failed to start: ENOENT', 125, true],
    [{ state: 'lost', reason: 'reboot' }, 'lost: reboot', 125, true],
  ]
  for (const [run, words, code, ended] of table)
    assert.deepEqual(
      [describeRun(run), runExitCode(run), isTerminal(run.state)],
      [words, code, ended],
    )
})

test('PC-30: a run that Muster ended is never a success, even with exit code 0', () => {
  const table: readonly [RunEnd, words: string, code: number][] = [
    [{ state: 'stopped', signal: 'SIGTERM' }, 'stopped', 143],
    [{ state: 'stopped', signal: 'SIGKILL' }, 'stopped', 137],
    [{ state: 'stopped', exitCode: 0 }, 'stopped', 143],
    [{ state: 'stopped', exitCode: 3 }, 'stopped', 143],
    [{ state: 'stopped' }, 'stopped', 143],
    [{ state: 'killed', exitCode: 0, reason: 'timeout' }, 'killed: timeout', 124],
    [{ state: 'killed', exitCode: 3, reason: 'timeout' }, 'killed: timeout', 124],
    [{ state: 'killed', signal: 'SIGKILL', reason: 'timeout' }, 'killed: SIGKILL', 124],
    [{ state: 'killed', reason: 'timeout' }, 'killed: timeout', 124],
    [{ state: 'killed', signal: 'SIGKILL', reason: 'oom' }, 'killed: SIGKILL', 137],
    [{ state: 'killed', exitCode: 0, reason: 'oom' }, 'killed: oom', 137],
  ]
  for (const [run, words, code] of table)
    assert.deepEqual([describeRun(run), runExitCode(run)], [words, code])
})

test('summaries name the reason of a kill and the limits that are not enforced', () => {
  const killed = { status: 'killed: SIGKILL', state: 'killed', reason: 'oom' }
  assert.equal(summarizeRun(killed), 'killed: SIGKILL (oom)')
  assert.equal(killReason(killed), 'its memory limit was reached (oom)')
  assert.equal(
    summarizeRun({ ...killed, status: 'killed: timeout', reason: 'timeout' }),
    'killed: timeout',
  )
  assert.equal(killReason({ ...killed, reason: '__proto__' }), '__proto__')
  const stopped = { status: 'stopped', state: 'stopped', reason: null, unenforced: [] }
  assert.deepEqual(
    [summarizeRun(stopped), killReason(stopped), unenforcedLimits(stopped)],
    ['stopped', undefined, undefined],
  )
  const weak = { status: 'running', state: 'running', unenforced: ['memory', 'cpu'] }
  assert.equal(summarizeRun(weak), 'running (--memory not enforced, --cpu not enforced)')
  assert.equal(unenforcedLimits(weak), '--memory, --cpu are not enforced on this host')
})
