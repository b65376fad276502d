/**
 * Checks that concurrent work and restarts cause no alarm about the log if all nodes are honest.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { startFleet, within } from '../testing/fleet.ts'

const HOSTS = ['a1', 'a2', 'a3']
/** Each round has three snapshots and two runs at once, so that checkpoints overtake each other. */
const ROUNDS = 4

test('AL-04: an honest fleet under load and with restarts logs no alarm', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const first = await fleet.coordinator()
  const port = /tcp\/(\d+)\//.exec(first.ready[1] as string)?.[1] as string
  await fleet.configure(
    'coordinator',
    '00-test.yaml',
    `listen: ["/ip4/127.0.0.1/tcp/${port}"]\nhttp: { listen: "127.0.0.1:0" }\n`,
  )
  const agents = new Map(
    await Promise.all(HOSTS.map(async (name) => [name, await fleet.agent(name)] as const)),
  )
  let coordinator = first
  await fleet.ok(['repo', 'sync', '--repo-id', 'sample'])
  const snapshot = (name: string) =>
    fleet.ok(['snapshot', 'create', '--repo-id', 'sample', '--name', name])
  for (let round = 0; round < ROUNDS; round++) {
    await within(
      async () => (await fleet.muster(['run', '--on', 'all', '--', 'true'])).code === 0,
      'every host being connected',
    )
    await Promise.all([
      ...[1, 2, 3].map((number) => snapshot(`s${round}-${number}`)),
      fleet.ok(['run', '--on', 'all', '--', 'true']),
      fleet.ok(['run', '--on', 'a1', '--', 'true']),
    ])
    if (round === 1) {
      await agents.get('a2')?.stop('SIGKILL')
      agents.set('a2', await fleet.start('a2', ['agent', 'run']))
    }
    if (round === 2) {
      await coordinator.stop('SIGKILL')
      coordinator = await fleet.coordinator()
    }
  }
  await fleet.ok(['audit', 'verify'])
  for (const name of HOSTS) {
    const log = (await agents.get(name)?.log()) as string
    assert.match(log, /connected/)
    assert.deepEqual(
      log.match(/^.*(does not extend|checkpoint was not compared|"level":"error").*$/gm),
      null,
    )
  }
  assert.doesNotMatch(await coordinator.log(), /does not fit|could not be compared/)
})
