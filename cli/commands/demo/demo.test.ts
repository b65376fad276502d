/** `muster demo` as a process, in an environment that selects another coordinator. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectRunner } from '../../../agent/runner/socket/client.ts'
import { systemClock } from '../../../shared/clock.ts'
import { runMuster } from '../../testing/run-muster.ts'

test('demo: uses no settings of the user, and leaves nothing running', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'muster-demo=test-'))
  t.after(() => rm(parent, { recursive: true, force: true }))
  const folder = join(parent, 'kept')
  const elsewhere = {
    MUSTER_COORDINATOR: 'muster-ticket1-somewhere',
    MUSTER_CONTEXT: 'prod',
    MUSTER_CONFIG: '/no/such/config.yaml',
  }
  const { code, stdout, stderr } = await runMuster(
    ['demo', '--once', '--agents', '1', '--keep', folder],
    elsewhere,
  )
  assert.deepEqual([code, stdout], [0, ''], stderr)
  assert.match(stderr, /\n {2}host-1 \$ muster blob get [0-9a-f]{64} --to /)
  assert.match(stderr, /\nEverything worked, in .*\n$/)
  assert.match(await readFile(join(folder, 'host-1.log'), 'utf8'), /^ready /m)
  await assert.rejects(
    connectRunner({ clock: systemClock }, { home: join(folder, 'host-1'), spawnIfAbsent: false }),
    {
      code: 'runner.unreachable',
    },
  )
  const again = await runMuster(['demo', '--once', '--keep', folder])
  assert.deepEqual([again.code, /it exists/.test(again.stderr)], [6, true])
})
