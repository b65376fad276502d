/** Tests that the page of a shortened listing reports this. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { indexPage } from './index-page.ts'
import { type FolderEntry, MAX_ENTRIES } from './served.ts'

const entries = (count: number): FolderEntry[] =>
  Array.from({ length: count }, (_, n) => ({ name: `p-${n}.rpm`, kind: 'file', size: 1 }))

test('http: a shortened listing reports how many entries it has', () => {
  assert.match(indexPage('/', entries(MAX_ENTRIES)), /Only 20000 entries are listed/)
  assert.doesNotMatch(indexPage('/', entries(3)), /entries are listed/)
})
