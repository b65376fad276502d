import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { output } from './protocol.ts'

const good = cases[0]?.message as object

test('output: messages and their bytes', () => {
  checkCases(output, cases)
  checkRefused(output, [
    ['a prefix of a run id', 'read', 'request', { ...good, run: '0199' }],
    ['before the beginning', 'read', 'request', { ...good, stdout: -1 }],
    ['half a byte', 'read', 'request', { ...good, stderr: 0.5 }],
    ['a word for follow', 'read', 'request', { ...good, follow: 'yes' }],
  ])
})
