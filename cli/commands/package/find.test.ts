import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runMuster } from '../../testing/run-muster.ts'

test('package find: rejects an invalid version condition without a coordinator', async () => {
  for (const condition of ['banana', '=> 3', '<< 3.0', '']) {
    const found = await runMuster(['package', 'find', 'bash', '--version', condition], {
      MUSTER_HOME: '/nonexistent',
    })
    assert.equal(found.code, 2, condition)
    assert.match(found.stderr, /is not a version condition, such as/, condition)
    assert.match(found.stderr, /write <, <=, =, >= or > and then \[epoch:\]version/, condition)
  }
})
