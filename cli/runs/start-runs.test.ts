/** Checks the errors for runs that were not started or not confirmed. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { dispatchError } from '../../coordinator/dispatch/errors.ts'
import { failureOf } from '../session/results.ts'
import { startError } from './start-runs.ts'

const run = { agent: 'agent-1', host: 'web-1', run: '01990000-0000-7000-8000-000000000001' }
const offline = dispatchError('dispatch.offline', { host: 'web-1' })
const row = (result: 'failed' | 'unknown') => ({
  target: run.agent,
  result,
  detail: {},
  error: { code: offline.code, data: { host: 'web-1' } },
})

test('start runs: an unconfirmed start names the run and the next command', () => {
  const error = startError(row('unknown'), run)
  assert.match(error.message, /^web-1 has not confirmed run 01990000-.*: web-1 is not connected$/)
  assert.match(error.hint ?? '', /muster process status 01990000-0000-7000-8000-000000000001/)
  assert.equal(error.exit, 'unreachable')
  const several = failureOf(
    { operation: 'o', index: 0, results: [row('unknown'), { ...row('failed'), target: 'b' }] },
    () => 'web-1',
    (one) => startError(one, run),
  )
  assert.match(several?.message ?? '', /web-1 has not confirmed run 01990000-/)
})

test('start runs: a start that never reached the host is a failure', () => {
  assert.equal(startError(row('failed'), run).code, 'dispatch.offline')
})
