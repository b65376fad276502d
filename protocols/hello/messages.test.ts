import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { hello } from './protocol.ts'

const fill = (length: number): Uint8Array => new Uint8Array(length)
const said = { capability: 1, at: 0, version: '' }

test('hello: messages and their bytes', () => {
  checkCases(hello, cases)
  checkRefused(hello, [
    ['a negative capability', 'greet', 'request', { ...said, capability: -1 }],
    ['no clock', 'greet', 'request', { capability: 1, version: '' }],
    ['the version is a book', 'greet', 'request', { ...said, version: 'x'.repeat(65) }],
    [
      'the key is short',
      'greet',
      'request',
      {
        ...said,
        certificate: { statement: fill(2), scheme: 'dsse', key: fill(31), signature: fill(64) },
      },
    ],
    ['the refusal is not a code', 'greet', 'response', { ...said, refused: 'x'.repeat(65) }],
  ])
})
