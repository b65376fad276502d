import test from 'node:test'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { catalog } from './protocol.ts'

test('catalog: messages and their bytes', () => {
  checkCases(catalog, cases)
  checkRefused(catalog, [
    ['the repository is a path', 'tree', 'request', { repository: '../x', path: '' }],
    ['the snapshot is hidden', 'tree', 'request', { repository: 'r', snapshot: '.x', path: '' }],
    ['the path is too long', 'tree', 'request', { repository: 'r', path: 'x'.repeat(4097) }],
    ['the blob id is short', 'tree', 'response', { found: 'file', blob: 'ab', size: 1 }],
    ['a negative size', 'tree', 'response', { found: 'file', blob: 'ab'.repeat(32), size: -1 }],
  ])
})
