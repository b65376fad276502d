import assert from 'node:assert/strict'
import test from 'node:test'
import { checkCases, checkRefused } from '../check-cases.ts'
import { cases } from './cases.ts'
import { positionResponse } from './messages.ts'
import { command } from './protocol.ts'
import { exitCodeOf, isTerminal, statusWords } from './status-words.ts'

const order = cases.find((one) => one.method === 'perform')?.message as { intent: object }
const many = (count: number): object[] => Array.from({ length: count }, () => order.intent)

test('command: messages and their bytes', () => {
  checkCases(command, cases)
  checkRefused(command, [
    ['no intent', 'perform', 'request', { ...order, intent: undefined }],
    ['no root', 'perform', 'request', { ...order, roots: [] }],
    ['no entry', 'perform', 'request', { ...order, entry: '{}' }],
    ['an entry that is too large', 'perform', 'request', { ...order, entry: new Uint8Array(65_537) }],
    ['a negative index', 'perform', 'request', { ...order, index: -1 }],
    ['more grants than any chain has', 'perform', 'request', { ...order, grants: many(65) }],
    ['more revocations than one message holds', 'perform', 'request', { ...order, revocations: many(1025) }],
    ['more revocations ahead', 'learn', 'request', { revocations: many(1025) }],
    ['nothing to learn', 'learn', 'request', { revocations: [] }],
    ['a path for a run', 'status', 'request', { runs: ['../../x'] }],
    ['an unknown state', 'status', 'response', { runs: [{ ...(cases[8]?.message as { runs: object[] }).runs[0], state: 'zombie' }] }],
    ['an operation for an intent', 'probe', 'request', { operation: '01990000-0000-7000-8000-000000000001' }],
  ])
  // An agent of the first version does not say which revocations it knows: it gets them all.
  assert.equal(positionResponse.parse({ size: 0, root: null }).epoch, 0)
})

test('command: the words, the end and the exit code of every state of a run', () => {
  const number = (name: string): number | undefined => ({ SIGTERM: 15, SIGKILL: 9 })[name]
  const rows: [Parameters<typeof statusWords>[0], string, boolean, number][] = [
    [{ state: 'starting', exitCode: null, signal: null, reason: null }, 'running', false, 125],
    [{ state: 'running', exitCode: null, signal: null, reason: null }, 'running', false, 125],
    [{ state: 'exited', exitCode: 0, signal: null, reason: null }, 'exited: 0', true, 0],
    [{ state: 'exited', exitCode: 3, signal: null, reason: null }, 'exited: 3', true, 3],
    [{ state: 'exited', exitCode: null, signal: null, reason: null }, 'exited: unknown', true, 125],
    [{ state: 'stopped', exitCode: null, signal: 'SIGTERM', reason: null }, 'stopped', true, 143],
    [{ state: 'stopped', exitCode: 4, signal: null, reason: null }, 'stopped', true, 4],
    [{ state: 'stopped', exitCode: null, signal: null, reason: null }, 'stopped', true, 125],
    [{ state: 'killed', exitCode: null, signal: 'SIGKILL', reason: 'oom' }, 'killed: SIGKILL', true, 137],
    [{ state: 'killed', exitCode: null, signal: 'SIGNEW', reason: null }, 'killed: SIGNEW', true, 128],
    [{ state: 'failed to start', exitCode: null, signal: null, reason: 'ENOENT' }, 'failed to start: ENOENT', true, 125],
    [{ state: 'lost', exitCode: null, signal: null, reason: 'reboot' }, 'lost: reboot', true, 125],
  ]
  for (const [status, words, ended, code] of rows) {
    assert.equal(statusWords(status), words)
    assert.equal(isTerminal(status.state), ended, words)
    assert.equal(exitCodeOf(status, number), code, words)
  }
})
