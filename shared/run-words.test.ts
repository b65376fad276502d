/** The words and exit codes that scripts compare. */
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  isTerminal,
  notEnforced,
  type RunEnd,
  runExitCode,
  runSummary,
  runWords,
  whyKilled,
} from './run-words.ts'

test('a run’s state has the words and the exit code that the command line documents', () => {
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
    assert.deepEqual([runWords(run), runExitCode(run), isTerminal(run.state)], [words, code, ended])
})

test('PC-30: a run that Muster ended is never a success, whatever its program exited with', () => {
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
    assert.deepEqual([runWords(run), runExitCode(run)], [words, code])
})

test('lists and notes say why a run was killed and which limits do not hold', () => {
  const killed = { status: 'killed: SIGKILL', state: 'killed', reason: 'oom' }
  assert.equal(runSummary(killed), 'killed: SIGKILL (oom)')
  assert.equal(whyKilled(killed), 'its memory limit was reached (oom)')
  assert.equal(
    runSummary({ ...killed, status: 'killed: timeout', reason: 'timeout' }),
    'killed: timeout',
  )
  assert.equal(whyKilled({ ...killed, reason: '__proto__' }), '__proto__')
  const stopped = { status: 'stopped', state: 'stopped', reason: null, unenforced: [] }
  assert.deepEqual(
    [runSummary(stopped), whyKilled(stopped), notEnforced(stopped)],
    ['stopped', undefined, undefined],
  )
  const weak = { status: 'running', state: 'running', unenforced: ['memory', 'cpu'] }
  assert.equal(runSummary(weak), 'running (--memory not enforced, --cpu not enforced)')
  assert.equal(notEnforced(weak), '--memory, --cpu are not enforced on this host')
})
