import { enrollRefusal } from '../../protocols/enroll/errors.ts'
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createTestFleet, type TestFleet } from '../../node/testing/fleet.ts'
import { systemClock as clock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { systemRandom as random } from '../../shared/random.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { lockHome } from '../home/lock.ts'
import { readAgentIdentity } from '../home/identity.ts'
import { joinFleet } from './join.ts'
import { coordinatorOf } from '../testing/admitting-coordinator.ts'

async function joining(t: TestContext, fleet: TestFleet) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-join-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const home = join(folder, 'home')
  const root = Buffer.from(
    rootDigest((fleet.roots[0] as readonly Signed[])[0]?.statement as Uint8Array),
    'hex',
  )
  const log = recordedLog()
  return {
    folder,
    home,
    join: (addresses: readonly string[]) =>
      joinFleet(
        { clock, random, log },
        {
          home,
          name: 'web-1',
          claims: {},
          ticket: { fleet: fleet.id, root: new Uint8Array(root), addresses: [...addresses] },
        },
      ),
  }
}

test('join: a second ticket updates the addresses and keeps the id', async (t) => {
  const fleet = await createTestFleet()
  const before = await coordinatorOf(t, fleet)
  const { home, join: joinWith } = await joining(t, fleet)
  const first = await joinWith([before.address])
  await before.node.close()
  const moved = await coordinatorOf(t, fleet, { key: before.node.key })
  const second = await joinWith([moved.address])
  assert.deepEqual([second.identity.id, second.fingerprint], [first.identity.id, first.fingerprint])
  assert.deepEqual((await readAgentIdentity(home)).coordinators, [moved.address])
})

test('join: does not change the home of a running agent', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  const { home, join: joinWith } = await joining(t, fleet)
  await joinWith([coordinator.address])
  const lock = await lockHome(
    { clock },
    { home, patienceMs: 0, signal: new AbortController().signal },
  )
  t.after(() => lock.release())
  await assert.rejects(joinWith([coordinator.address]), { code: 'agent.home-in-use' })
  assert.equal(coordinator.asked.length, 1)
})

test('join: removes the home after a refusal, not if no coordinator responds', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  const { folder, home, join: joinWith } = await joining(t, fleet)
  coordinator.answer = enrollRefusal('registry.name-taken', { name: 'web-1' })
  await assert.rejects(joinWith([coordinator.address]), { code: 'registry.name-taken' })
  assert.deepEqual(await readdir(folder), [])
  await coordinator.node.close()
  await assert.rejects(joinWith([coordinator.address]), { exit: 'unreachable' })
  const { id } = await readAgentIdentity(home)
  const back = await coordinatorOf(t, fleet, { key: coordinator.node.key })
  assert.equal((await joinWith([back.address])).identity.id, id)
})
