/**
 * Tests `muster agent facts --once` with an agent, without one, and after the loss of its journal.
 */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { acquireLock } from '../../agent/runner/lock.ts'
import { startFleet } from '../testing/fleet.ts'

test('facts --once: uses the running agent, else runs here, one at a time', {
  timeout: 280_000,
}, async () => {
  await using fleet = await startFleet()
  const agent = await fleet.agent('a1')
  const once = () => fleet.muster(['agent', 'facts', '--once'], { home: 'a1' })
  const shown = async () =>
    JSON.parse(await fleet.ok(['facts', 'show', 'a1', '-o', 'json'])) as {
      epoch: number
      sequence: number
      packages: unknown[]
    }

  const beside = await once()
  assert.equal(beside.code, 0, beside.stderr)
  // The command returns only after the coordinator has the facts.
  const first = await shown()
  assert.deepEqual([first.epoch, first.sequence], [1, 1])
  assert.match(beside.stderr, new RegExp(`^${first.packages.length} packages`, 'm'))

  assert.equal(await agent.stop(), 0)
  const alone = await once()
  assert.deepEqual(
    [alone.code, alone.stderr],
    [0, `${first.packages.length} packages, unchanged\n`],
  )

  const lock = acquireLock(join(fleet.folder, 'a1', 'run', 'daemon.lock'))
  const second = await once()
  lock.release()
  assert.equal(second.code, 6, second.stderr)
  assert.match(second.stderr, /another process uses the home/)

  // A host that lost its journal is still the same host, and its changes are reported.
  await rm(join(fleet.folder, 'a1', 'facts'), { recursive: true })
  assert.equal((await once()).code, 0)
  assert.equal((await shown()).packages.length, first.packages.length)
})
