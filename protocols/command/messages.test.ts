import assert from 'node:assert/strict'
import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { positionResponse } from './messages.ts'
import { command } from './protocol.ts'

const request = cases.find((one) => one.method === 'perform')?.message as { intent: object }
const states = cases.find((one) => one.method === 'status' && one.part === 'response')?.message
const many = (count: number): object[] => Array.from({ length: count }, () => request.intent)

const value = (name: string, text: string): object => ({
  name,
  salt: new Uint8Array(32),
  value: text,
})

test('command: messages and their bytes', () => {
  checkCases(command, cases)
  checkRefused(command, [
    ['no intent', 'perform', 'request', { ...request, intent: undefined }],
    ['no root', 'perform', 'request', { ...request, roots: [] }],
    ['no entry', 'perform', 'request', { ...request, entry: '{}' }],
    [
      'an entry that is too large',
      'perform',
      'request',
      { ...request, entry: new Uint8Array(65_537) },
    ],
    ['a negative index', 'perform', 'request', { ...request, index: -1 }],
    ['more grants than any chain has', 'perform', 'request', { ...request, grants: many(65) }],
    [
      'more revocations than one message holds',
      'perform',
      'request',
      { ...request, revocations: many(1025) },
    ],
    [
      'a value without its salt',
      'perform',
      'request',
      { ...request, values: [{ name: 'A', value: 'x' }] },
    ],
    [
      'more values than an intent has',
      'perform',
      'request',
      { ...request, values: Array.from({ length: 257 }, (_, n) => value(`A${n}`, 'x')) },
    ],
    ['more revocations ahead', 'learn', 'request', { revocations: many(1025) }],
    ['no revocations', 'learn', 'request', { revocations: [] }],
    ['a path for a run', 'status', 'request', { runs: ['../../x'] }],
    [
      'an unknown state',
      'status',
      'response',
      { runs: [{ ...(states as { runs: object[] }).runs[0], state: 'zombie' }] },
    ],
    [
      'an operation for an intent',
      'probe',
      'request',
      { operation: '01990000-0000-7000-8000-000000000001' },
    ],
  ])
  // An agent of the first version does not send its revocation epoch, so it gets all revocations.
  assert.equal(positionResponse.parse({ size: 0, root: null }).epoch, 0)
})
