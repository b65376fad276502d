/**
 * Fills the disk at every durable write of an agent. The cases are in testing/full-disk-cases.ts.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const CASES = join(import.meta.dirname, 'testing', 'full-disk-cases.ts')
/** Mounts a small file system that only this program sees, until the program ends. */
const MOUNT = ['--map-root-user', '--mount']
const SMALL = 'mount -t tmpfs -o size=3m none "$1" && shift && exec "$@"'

test('a full disk fails each durable write with its reason until space is free', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-small-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const mounts = await run('unshare', [...MOUNT, 'true']).then(
    () => true,
    () => false,
  )
  const cases = [process.execPath, '--test-reporter=tap', CASES] as const
  const [program, ...words]: readonly [string, ...string[]] = mounts
    ? ['unshare', ...MOUNT, 'sh', '-c', SMALL, 'sh', folder, ...cases, 'tmpfs']
    : [...cases, 'limit']
  // If only root may mount, a limit of the process takes the place of the disk. The diagnostic of
  // the test names it.
  t.diagnostic(mounts ? 'on a small file system' : 'with a limit: nothing can be mounted here')
  const env = { PATH: process.env['PATH'], TMPDIR: folder, HOME: folder }
  const { stdout } = await run(program, words, { env, maxBuffer: 2 ** 24 }).catch(
    (error: unknown) => error as { stdout: string },
  )
  const failed = stdout.match(/^not ok .*$/gm)
  assert.equal(failed, null, stdout)
  assert.match(stdout, /^# pass 15$/m)
})
