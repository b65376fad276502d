/** Checks that a blob is not reported as unknown if its holder can't be reached. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import test from 'node:test'
import { type Ended, type Fleet, startFleet, within } from '../testing/fleet.ts'

const HOLDERS_AWAY = /not found on the connected hosts; 1 unreachable host may hold it: a1/
const UNKNOWN = '0'.repeat(64)

/** Adds a blob only to the pool of a1. */
async function addBlob(fleet: Fleet): Promise<string> {
  await writeFile(fleet.path('content'), 'on a1 only')
  return fleet.ok(['blob', 'add', fleet.path('content')], { home: 'a1' })
}

/** Repeats the command until it has the exit code, because nodes detect a lost connection later. */
async function answers(fleet: Fleet, id: string, home: string, code: number): Promise<Ended> {
  const get = ['blob', 'get', id, '--to', fleet.path('out')]
  let last: Ended | undefined
  const asked = async (): Promise<Ended | false> => {
    last = await fleet.muster(get, { home })
    return last.code === code && last
  }
  return within(asked, `exit code ${code} on ${home}`).catch((error: unknown) => {
    throw new Error(`the last answer: ${last?.code} ${last?.stderr}`, { cause: error })
  })
}

test('blob get of an unknown id exits with 5 if all hosts are connected, else with 7', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const coordinator = await fleet.coordinator()
  const a1 = await fleet.agent('a1')
  await fleet.agent('a2')
  const blob = await addBlob(fleet)
  for (const home of ['a2', 'coordinator']) await answers(fleet, UNKNOWN, home, 5)
  await a1.stop('SIGKILL')
  for (const home of ['a2', 'coordinator'])
    for (const id of [UNKNOWN, blob])
      assert.match((await answers(fleet, id, home, 7)).stderr, HOLDERS_AWAY)
  // An agent without a coordinator can't find out, either.
  await coordinator.stop('SIGKILL')
  await answers(fleet, UNKNOWN, 'a2', 7)
})

test('blob get on a new coordinator exits with 7 until its hosts reconnect', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const coordinator = await fleet.coordinator()
  const port = /tcp\/(\d+)\//.exec(coordinator.ready[1] as string)?.[1] as string
  await fleet.configure(
    'coordinator',
    '00-test.yaml',
    `listen: ["/ip4/127.0.0.1/tcp/${port}"]\nhttp: { listen: "127.0.0.1:0" }\n`,
  )
  const a1 = await fleet.agent('a1')
  const blob = await addBlob(fleet)
  await answers(fleet, UNKNOWN, 'coordinator', 5)
  await a1.stop('SIGKILL')
  await coordinator.stop('SIGKILL')
  await fleet.coordinator()
  assert.match((await answers(fleet, UNKNOWN, 'coordinator', 7)).stderr, HOLDERS_AWAY)
  await fleet.start('a1', ['agent', 'run'])
  await answers(fleet, UNKNOWN, 'coordinator', 5)
  await answers(fleet, blob, 'coordinator', 0)
})
