/** `muster init` creates a home completely or not at all, and replaces no files. */
import assert from 'node:assert/strict'
import { lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import { systemRandom } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { testKey } from '../../shared/testing/statements.ts'
import { readCoordinatorIdentity } from './identity.ts'
import { initCoordinator, type InitReport } from './init.ts'

const deps = { clock: systemClock, random: systemRandom, log: recordedLog() }
const signer = testKey(1)
const init = (home: string): Promise<InitReport> =>
  initCoordinator(deps, {
    home,
    fleetName: 'test',
    name: 'c1',
    operators: [{ publicKey: signer.publicKey, name: 'olive' }],
    signer,
  })

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-init-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('init: if several run at once, exactly one creates the home, and its keys stay', async (t) => {
  const folder = await scratch(t)
  const home = join(folder, 'home')
  const made = await Promise.allSettled([init(home), init(home), init(home)])
  const reports = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  assert.equal(reports.length, 1)
  assert.equal((await readCoordinatorIdentity(home)).root, reports[0]?.root)
  for (const one of made)
    if (one.status === 'rejected')
      assert.equal((one.reason as { code?: string }).code, 'home.exists')
  assert.deepEqual(await readdir(folder), ['home'])
})

test('init: accepts an empty folder or a link to one, rejects a folder with files', async (t) => {
  const folder = await scratch(t)
  await mkdir(join(folder, 'empty'))
  await init(join(folder, 'empty'))
  await mkdir(join(folder, 'disk'))
  await symlink('disk', join(folder, 'link'))
  const { root } = await init(join(folder, 'link'))
  assert.ok((await lstat(join(folder, 'link'))).isSymbolicLink())
  assert.equal((await readCoordinatorIdentity(join(folder, 'disk'))).root, root)
  await mkdir(join(folder, 'full'))
  await writeFile(join(folder, 'full', 'thesis.txt'), 'years of work')
  await assert.rejects(init(join(folder, 'full')), { code: 'home.exists' })
  assert.deepEqual(await readdir(join(folder, 'full')), ['thesis.txt'])
  assert.deepEqual((await readdir(folder)).sort(), ['disk', 'empty', 'full', 'link'])
})

test('identity: a home that cannot be read is not reported as absent', async (t) => {
  const folder = await scratch(t)
  await assert.rejects(readCoordinatorIdentity(join(folder, 'nowhere')), { code: 'home.absent' })
  // Even root can't read a folder as a file.
  await mkdir(join(folder, 'home', 'coordinator.json'), { recursive: true })
  await assert.rejects(readCoordinatorIdentity(join(folder, 'home')), {
    code: 'home.unreadable',
    exit: 'denied',
  })
})
