import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { providers } from './protocol.ts'

const hold = { id: 'ab'.repeat(32), size: 5 }

test('providers: messages and their bytes', () => {
  checkCases(providers, cases)
  checkRefused(providers, [
    [
      'too many addresses',
      'announce',
      'request',
      { addresses: ['a', 'b', 'c', 'd', 'e'], holds: [], drops: [] },
    ],
    [
      'too many blobs',
      'announce',
      'request',
      { addresses: [], holds: Array.from({ length: 1001 }, () => hold), drops: [] },
    ],
    [
      'a reversed range',
      'announce',
      'request',
      { addresses: [], holds: [{ ...hold, ranges: [{ start: 4, end: 2 }] }], drops: [] },
    ],
    ['it never expires', 'announce', 'response', { expiresInMs: 0 }],
    ['too many questions', 'find', 'request', { ids: Array.from({ length: 65 }, () => hold.id) }],
    [
      'a peer with an RSA key',
      'find',
      'response',
      {
        found: [
          [{ peer: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', addresses: [], size: 5 }],
        ],
      },
    ],
  ])
})
