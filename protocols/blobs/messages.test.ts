import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { blobs } from './protocol.ts'

const id = 'ab'.repeat(32)

test('blobs: messages and their bytes', () => {
  checkCases(blobs, cases)
  checkRefused(blobs, [
    [
      'the id is in capitals',
      'fetch',
      'request',
      { id: 'AB'.repeat(32), size: 5, start: 0, end: 5 },
    ],
    ['the range is reversed', 'fetch', 'request', { id, size: 100, start: 50, end: 20 }],
    ['the range is empty', 'fetch', 'request', { id, size: 100, start: 50, end: 50 }],
    ['the range ends after the blob', 'fetch', 'request', { id, size: 100, start: 0, end: 101 }],
    ['a size of 2^53', 'fetch', 'request', { id, size: 2 ** 53, start: 0, end: 5 }],
    ['no ids', 'have', 'request', { ids: [] }],
    ['too many ids', 'have', 'request', { ids: Array.from({ length: 257 }, () => id) }],
    [
      'too many ranges',
      'have',
      'response',
      { holdings: [{ size: 5, ranges: Array.from({ length: 65 }, () => ({ start: 0, end: 1 })) }] },
    ],
  ])
})
