import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { facts } from './protocol.ts'

const update = ((cases[4] as { message: unknown }).message as { update: object }).update

test('facts: messages and their bytes', () => {
  checkCases(facts, cases)
  checkRefused(facts, [
    ['before the first', 'pull', 'request', { epoch: 0, sequence: -1 }],
    ['an epoch above 2^53', 'pull', 'request', { epoch: 2 ** 53, sequence: 0 }],
    ['an invalid root', 'pull', 'request', { epoch: 1, sequence: 1, root: 'x'.repeat(65) }],
    [
      'more updates than one answer holds',
      'pull',
      'response',
      { updates: Array.from({ length: 257 }, () => update) },
    ],
    ['another scheme', 'push', 'request', { update: { ...update, scheme: 'jws' } }],
    ['a short key', 'push', 'request', { update: { ...update, key: new Uint8Array(31) } }],
    [
      'a statement that is too large',
      'push',
      'request',
      { update: { ...update, statement: new Uint8Array(48 * 1024 + 1) } },
    ],
    [
      'more problems than a host has',
      'report',
      'request',
      {
        collection: {
          at: '',
          managers: [],
          problems: Array.from({ length: 33 }, () => ({
            manager: '',
            kind: 'odd',
            reason: '',
            since: '',
          })),
        },
      },
    ],
    ['a fourth result', 'push', 'response', { result: 'later', epoch: 1, sequence: 1 }],
  ])
})
