/** Tests `muster pool check` and the doctor's sample on real nodes with damaged content. */
import assert from 'node:assert/strict'
import { chmod, lstat, open, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import type { CheckResponse } from '../../protocols/local/messages.ts'
import { systemRandom } from '../../shared/random.ts'
import { type Fleet, startFleet } from '../testing/fleet.ts'

/** Overwrites some bytes. Size and modification time stay the same. */
async function damage(path: string): Promise<void> {
  const { mode, atime, mtime } = await lstat(path)
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  await file.write('DAMAGE', 100)
  await file.close()
  await chmod(path, mode & 0o7777)
  await utimes(path, atime, mtime)
}

async function json(
  fleet: Fleet,
  home: string,
  args: readonly string[] = [],
): Promise<CheckResponse & { code: number }> {
  const words = ['pool', 'check', ...args, '-o', 'json']
  const { code, stdout } = await fleet.muster(words, { home })
  return { ...(JSON.parse(stdout) as CheckResponse), code }
}

/** Returns the doctor's result for the pool. */
async function doctor(fleet: Fleet, home: string): Promise<{ code: number; status: string }> {
  const { code, stdout } = await fleet.muster(['doctor', '-o', 'json'], { home })
  const rows = JSON.parse(stdout) as { check: string; status: string }[]
  return { code, status: rows.find(({ check }) => check === 'pool')?.status ?? 'absent' }
}

const poolFile = (fleet: Fleet, home: string, id: string): string =>
  fleet.path(home, 'pool', 'blobs', id.slice(0, 2), id)

test('pool check and doctor find damage in a coordinator and repair it', async () => {
  await using fleet = await startFleet()
  await fleet.ok(['repo', 'sync', '--repo-id', 'sample'])
  const sound = await fleet.muster(['pool', 'check'])
  assert.deepEqual([sound.code, /none is damaged/.test(sound.stdout)], [0, true])
  const files = JSON.parse(
    await fleet.ok(['pool', 'check', '--deep', '-o', 'json']),
  ) as CheckResponse
  assert.deepEqual([files.hashed, files.found, files.repaired], [files.blobs, [], []])

  const served = fleet.path('coordinator', 'publish', 'sample', 'latest')
  const rpm = await someRpm(served)
  const wanted = await readFile(join(served, rpm))
  for (const deep of [[], ['--deep']]) {
    await damage(join(served, rpm))
    assert.deepEqual(await doctor(fleet, 'coordinator'), { code: 1, status: 'fail' })
    const { code, stdout, stderr } = await fleet.muster(['pool', 'check', ...deep])
    assert.equal(code, 9, stdout + stderr)
    assert.match(stdout, /1 damaged, 0 missing, 1 of them fetched again/)
    assert.match(stderr, new RegExp(`sample: ${rpm}.* damaged; fetched again from upstream`))
    assert.match(stderr, /sample\/latest.* the tree was built again/)
    assert.deepEqual(await readFile(join(served, rpm)), wanted)
    assert.equal((await json(fleet, 'coordinator', deep)).code, 0)
    assert.deepEqual(await doctor(fleet, 'coordinator'), { code: 0, status: 'ok' })
  }

  await rm(fleet.path('upstream', rpm))
  await damage(join(served, rpm))
  for (const deep of [[], ['--deep']]) {
    const lost = await json(fleet, 'coordinator', deep)
    assert.deepEqual([lost.code, lost.healed, lost.found.length], [9, 0, 1], JSON.stringify(lost))
    assert.match(lost.found[0]?.files.join() ?? '', new RegExp(`sample: ${rpm}`))
    assert.match(lost.unrepaired.join(), /sample\/latest/)
    // The pool is undamaged again, but the damaged file is still published.
    assert.deepEqual(await doctor(fleet, 'coordinator'), { code: 1, status: 'fail' })
  }
  await writeFile(fleet.path('upstream', rpm), wanted)
  assert.deepEqual((await json(fleet, 'coordinator')).repaired, ['sample/latest'])
  assert.deepEqual(await readFile(join(served, rpm)), wanted)
})

test('pool check and doctor find damage in an agent and fetch the blobs again', async () => {
  await using fleet = await startFleet({ agents: 1 })
  await writeFile(fleet.path('blob'), systemRandom.bytes(300_001))
  const id = await fleet.ok(['blob', 'add', fleet.path('blob')])
  await fleet.ok(['blob', 'get', id, '--to', fleet.path('copy')], { home: 'a1' })
  for (const deep of [[], ['--deep']]) {
    assert.equal((await json(fleet, 'a1', deep)).code, 0)
    await damage(poolFile(fleet, 'a1', id))
    assert.deepEqual(await doctor(fleet, 'a1'), { code: 1, status: 'fail' })
    const { code, stdout, stderr } = await fleet.muster(['pool', 'check', ...deep], { home: 'a1' })
    assert.equal(code, 9, stdout + stderr)
    assert.match(stdout, /1 damaged, 0 missing, 1 of them fetched again/)
    assert.match(stderr, new RegExp(`${id} damaged; fetched again from fleet`))
    assert.deepEqual(await doctor(fleet, 'a1'), { code: 0, status: 'ok' })
    const content = await readFile(poolFile(fleet, 'a1', id))
    assert.deepEqual(content, await readFile(fleet.path('blob')))
  }
  for (const home of ['a1', 'coordinator']) await damage(poolFile(fleet, home, id))
  const lost = await json(fleet, 'a1')
  assert.deepEqual([lost.code, lost.damaged, lost.healed], [9, 1, 0])
  assert.notEqual(lost.found[0]?.reason, '')
})

async function someRpm(tree: string): Promise<string> {
  const all = await readdir(tree, { recursive: true })
  return all.filter((name) => name.endsWith('.rpm')).sort()[0] as string
}
