import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { localProtocol } from './protocol.ts'

test('local: messages and their bytes', () => {
  checkCases(localProtocol, cases)
  checkRefused(localProtocol, [
    ['the blob id is a path', 'blob.get', 'request', { blob: '../x' }],
    ['upper case', 'blob.get', 'request', { blob: 'AB'.repeat(32) }],
    [
      'a negative start',
      'blob.get',
      'request',
      { blob: 'ab'.repeat(32), range: { start: -1, end: 1 } },
    ],
    [
      'an end at nothing',
      'blob.get',
      'request',
      { blob: 'ab'.repeat(32), range: { start: 0, end: 0 } },
    ],
    ['a fraction', 'blob.get', 'request', { blob: 'ab'.repeat(32), range: { start: 0.5, end: 1 } }],
    ['a third role', 'info', 'response', { ...(cases[0]?.message as object), role: 'observer' }],
  ])
})
