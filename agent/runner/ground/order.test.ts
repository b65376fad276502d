import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runnerError } from './errors.ts'
import { DEFAULT_OUTPUT_BYTES } from '../../../shared/run-defaults.ts'
import { MAX_ARGUMENT_BYTES, MIN_OUTPUT_BYTES, orderDigest, parseOrder } from './order.ts'

const run = '01890a5d-ac96-774b-bcce-b302099a8057'
const least = { run, command: ['true'], env: {}, limits: {} }

test('the output limit has a default and a minimum', () => {
  assert.deepEqual(parseOrder(least), { ...least, limits: { outputBytes: DEFAULT_OUTPUT_BYTES } })
  assert.equal(
    parseOrder({ ...least, limits: { outputBytes: 1 } }).limits.outputBytes,
    MIN_OUTPUT_BYTES,
  )
})

test('rejects an invalid run definition with the name of the field', () => {
  const wrong: [Record<string, unknown>, string][] = [
    [{ run: 'x' }, 'run'],
    [{ run: `${run}/../..` }, 'run'],
    [{ command: [] }, 'command'],
    [{ command: [''] }, 'command'],
    [{ command: 'ls -l' }, 'command'],
    [{ command: ['ls', 1] }, 'command'],
    [{ command: ['x'.repeat(MAX_ARGUMENT_BYTES + 1)] }, 'command'],
    [{ env: { A: 1 } }, 'env.A'],
    [{ env: [] }, 'env'],
    [{ cwd: 'relative' }, 'cwd'],
    [{ user: '' }, 'user'],
    [{ name: 'x'.repeat(300) }, 'name'],
    [{ limits: undefined }, 'limits'],
    [{ limits: { pids: 0 } }, 'limits.pids'],
    [{ limits: { memoryBytes: 1.5 } }, 'limits.memoryBytes'],
    [{ limits: { cpu: Number.NaN } }, 'limits.cpu'],
    [{ limits: { timeoutMs: 2 ** 31 } }, 'limits.timeoutMs'],
    [{ limits: { memory: 1 } }, 'limits'],
    [{ shell: true }, 'order'],
  ]
  for (const [change, field] of wrong)
    assert.throws(
      () => parseOrder({ ...least, ...change }),
      (error) => runnerError.is(error, 'runner.invalid-order') && error.data.field === field,
      field,
    )
})

test("AL-13: the digest of a run definition ignores only the environment's values", () => {
  const order = parseOrder({ ...least, env: { A: '1', B: '2' } })
  assert.equal(orderDigest(order), orderDigest(parseOrder({ ...least, env: { B: '3', A: '' } })))
  const others = [
    { command: ['false'] },
    { env: { A: '1', C: '2' } },
    { cwd: '/tmp' },
    { user: 'root' },
    { name: 'n' },
    { limits: { pids: 1 } },
  ]
  const digests = [{}, ...others].map((change) => orderDigest(parseOrder({ ...least, ...change })))
  assert.equal(new Set(digests).size, digests.length)
})
