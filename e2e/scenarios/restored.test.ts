/** Restores a coordinator from a backup. Its hosts have newer checkpoints of the log. */
import assert from 'node:assert/strict'
import { cp, rename, rm } from 'node:fs/promises'
import test from 'node:test'
import { startFleet, within } from '../testing/fleet.ts'

test('AL-04: a restored coordinator stops after a host shows a newer checkpoint', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const first = await fleet.coordinator()
  const port = /tcp\/(\d+)\//.exec(first.ready[1] as string)?.[1] as string
  await fleet.configure(
    'coordinator',
    '00-test.yaml',
    `listen: ["/ip4/127.0.0.1/tcp/${port}"]\nhttp: { listen: "127.0.0.1:0" }\n`,
  )
  await fleet.agent('a1')
  await first.stop()
  await cp(fleet.path('coordinator'), fleet.path('backup'), {
    recursive: true,
    filter: (from) => !from.endsWith('.sock'),
  })
  const second = await fleet.coordinator()
  await within(
    async () => (await fleet.muster(['run', '--on', 'a1', '--', 'true'])).code === 0,
    'a run on the host that came back',
  )
  await second.stop()
  await rm(fleet.path('coordinator'), { recursive: true })
  await rename(fleet.path('backup'), fleet.path('coordinator'))
  const third = await fleet.coordinator()
  await within(
    async () => (await third.log()).includes('ledger.rolled-back'),
    'the host showing what it has seen',
  )
  const label = await fleet.muster(['agent', 'label', 'a1', 'role=web'])
  assert.deepEqual(
    [label.code, /the database was rolled back/.test(label.stderr)],
    [6, true],
    label.stderr,
  )
  assert.match(await fleet.ok(['agent', 'list']), /a1/)
  assert.match(await fleet.ok(['audit', 'log']), /run\.start|enrolled/)
})
