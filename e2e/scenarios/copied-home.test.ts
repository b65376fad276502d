/** Starts a copy of an agent's disk on a second machine (ID-30), with real processes. */
import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { test } from 'node:test'
import { startFleet, within } from '../testing/fleet.ts'

test('ID-30: a copied home is reported and gets no intents; a restart is not a copy', {
  timeout: 280_000,
}, async () => {
  await using fleet = await startFleet()
  const original = await fleet.agent('a1')
  const row = async () =>
    (
      JSON.parse(await fleet.ok(['agent', 'list', '-o', 'json'])) as {
        status: string
        copies?: string[]
      }[]
    )[0]
  await within(async () => (await row())?.status === 'connected', 'the first connection')
  assert.equal(await original.stop('SIGKILL'), null)
  await fleet.start('a1', ['agent', 'run'])
  await within(async () => (await row())?.status === 'connected', 'the second connection')
  assert.equal((await row())?.copies, undefined)
  assert.equal((await fleet.muster(['run', '--on', 'a1', '--', 'true'])).code, 0)

  // A disk copy includes the sockets of the first machine. No process serves them on the second.
  await cp(fleet.path('a1'), fleet.path('clone'), {
    recursive: true,
    filter: (path) => !path.endsWith('/a1/run'),
  })
  await fleet.start('clone', ['agent', 'run'])
  const copied = await within(row, 'a row').then(() =>
    within(async () => ((await row())?.copies?.length === 2 ? row() : undefined), 'the copy'),
  )
  assert.equal(copied?.copies?.length, 2)
  assert.match(await fleet.ok(['agent', 'list']), /connected, copied/)
  assert.match(await fleet.ok(['agent', 'show', 'a1']), /2 machines run with a copy of its home/)
  const run = await fleet.muster(['run', '--on', 'a1', '--', 'true'])
  assert.notEqual(run.code, 0)
  assert.match(run.stderr, /2 machines run as a1 \(.*\): its disk was copied/)
})
