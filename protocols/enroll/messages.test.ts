import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { enroll } from './protocol.ts'

const good = {
  agent: '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10',
  name: 'web-1',
  claims: {},
  version: '1',
}

test('enroll: messages and their bytes', () => {
  checkCases(enroll, cases)
  checkRefused(enroll, [
    ['the id is invalid', 'join', 'request', { ...good, agent: '../../etc' }],
    ['the name is a path', 'join', 'request', { ...good, name: '../x' }],
    ['the name has a line end', 'join', 'request', { ...good, name: 'web-1\n' }],
    ['the name is empty', 'join', 'request', { ...good, name: '' }],
    ['the token is too long', 'join', 'request', { ...good, token: new Uint8Array(33) }],
    ['the token is text', 'join', 'request', { ...good, token: 'x'.repeat(32) }],
    [
      'too many claims',
      'join',
      'request',
      { ...good, claims: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, ''])) },
    ],
    ['a claim is too long', 'join', 'request', { ...good, claims: { k: 'x'.repeat(257) } }],
    ['no root', 'join', 'response', { status: 'pending', roots: [] }],
    ['a root without a signature', 'join', 'response', { status: 'pending', roots: [[]] }],
    ['a third status', 'join', 'response', { ...(cases[2]?.message as object), status: 'maybe' }],
  ])
})
