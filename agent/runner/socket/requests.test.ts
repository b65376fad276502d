import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newRunId } from '../testing/runner-home.ts'
import { MAX_BODY_BYTES } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import { parseRequest, signalName } from './requests.ts'

const run = newRunId()
const refused = (head: Record<string, unknown>, what: string): void =>
  assert.throws(
    () => parseRequest(head),
    (error) => runnerError.is(error, 'runner.invalid-request') && error.message.includes(what),
    JSON.stringify(head),
  )

test('runner requests: numbers must be whole and within bounds', () => {
  const read = { method: 'read', run, stream: 'stdout', offset: 0, max: MAX_BODY_BYTES }
  assert.deepEqual(parseRequest(read), read)
  for (const value of [-1, 1.5, Number.NaN, 2 ** 53, '0', null, undefined]) {
    refused({ ...read, offset: value }, 'offset')
    refused({ ...read, max: value }, 'max')
    refused({ method: 'next', run, stdout: 0, stderr: value }, 'stderr')
    refused({ method: 'stop', run, graceMs: value }, 'graceMs')
    refused({ method: 'shutdown', graceMs: value }, 'graceMs')
  }
  refused({ ...read, max: MAX_BODY_BYTES + 1 }, 'max')
  refused({ method: 'stop', run, graceMs: 86_400_001 }, 'graceMs')
})

test('runner requests: rejects invalid methods, runs, streams and signals', () => {
  refused({ method: 'toString' }, 'method')
  refused({}, 'method')
  refused({ method: 'status', run: `${run}/..` }, 'run')
  refused({ method: 'read', run, stream: 'stdin', offset: 0, max: 1 }, 'stream')
  for (const signal of ['', 'NOTHING', '__proto__', 'constructor', 9, null])
    assert.throws(() => signalName(signal), /signal/)
  for (const signal of ['TERM', 'SIGTERM', 'sigterm', 'term'])
    assert.equal(signalName(signal), 'SIGTERM')
})
