import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { audit } from './protocol.ts'

test('audit: messages and their bytes', () => {
  checkCases(audit, cases)
  checkRefused(audit, [
    ['to nothing', 'consistency', 'request', { from: 0, to: 0 }],
    ['before the log', 'inclusion', 'request', { index: -1, size: 1 }],
    ['a short hash', 'consistency', 'response', { proof: [new Uint8Array(31)] }],
    [
      'more hashes than a tree has levels',
      'consistency',
      'response',
      { proof: Array.from({ length: 129 }, () => new Uint8Array(32)) },
    ],
    [
      'an entry beyond its limit',
      'inclusion',
      'response',
      { entry: new Uint8Array(65_537), proof: [] },
    ],
    ['more entries than a bundle', 'entries', 'request', { from: 0, count: 257 }],
    ['no entry', 'entries', 'request', { from: 0, count: 0 }],
    ['a note without end', 'checkpoint', 'response', { checkpoint: 'x'.repeat(16_385) }],
  ])
})
