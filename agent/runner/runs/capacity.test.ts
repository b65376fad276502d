import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liveRunLimit } from './capacity.ts'

test('the limit of open files limits the number of live runs', () => {
  const limits = (soft: string): string =>
    'Limit  Soft Limit  Hard Limit  Units\n' +
    `Max open files            ${soft}                524288               files\n`
  assert.equal(liveRunLimit(limits('1048576')), 1024)
  assert.equal(liveRunLimit(limits('4096')), 629)
  assert.equal(liveRunLimit(limits('256')), 1)
  assert.equal(liveRunLimit(limits('unlimited')), 1024)
  assert.ok(liveRunLimit() >= 1)
})
