/** The words and exit codes that scripts compare. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { isTerminal, type RunEnd, runExitCode, runWords } from './run-words.ts'

const numbers: Record<string, number> = { SIGKILL: 9, SIGTERM: 15 }

test('a run’s state has the words and the exit code that the command line documents', () => {
  const table: readonly [RunEnd, words: string, code: number, ended: boolean][] = [
    [{ state: 'starting' }, 'running', 125, false],
    [{ state: 'running' }, 'running', 125, false],
    [{ state: 'exited', exitCode: 0 }, 'exited: 0', 0, true],
    [{ state: 'exited', exitCode: 7 }, 'exited: 7', 7, true],
    [{ state: 'stopped', signal: 'SIGTERM' }, 'stopped', 143, true],
    [{ state: 'stopped', exitCode: 3 }, 'stopped', 3, true],
    [{ state: 'killed', signal: 'SIGKILL', reason: 'oom' }, 'killed: SIGKILL', 137, true],
    [{ state: 'exited', exitCode: null }, 'exited: unknown', 125, true],
    [{ state: 'stopped' }, 'stopped', 125, true],
    [{ state: 'killed', signal: 'SIGNEW' }, 'killed: SIGNEW', 128, true],
    [{ state: 'killed', reason: 'timeout' }, 'killed: timeout', 125, true],
    [{ state: 'failed to start', reason: 'ENOENT' }, 'failed to start: ENOENT', 125, true],
    [{ state: 'lost', reason: 'reboot' }, 'lost: reboot', 125, true],
  ]
  for (const [run, words, code, ended] of table)
    assert.deepEqual(
      [runWords(run), runExitCode(run, (name) => numbers[name]), isTerminal(run.state)],
      [words, code, ended],
    )
})
