/**
 * Checks that a hint after a refusal works when an operator follows it once, and that it isn't
 * repeated.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Ended, startFleet } from '../testing/fleet.ts'

const RUN = '01890000-0000-7000-8000-000000000000'

/** The result of a command after its hint was followed. */
const CASES: readonly (readonly [command: string, code: number, says?: RegExp])[] = [
  ['run --on a1 -- true', 0],
  ['run --on role=web -- true', 5, /no host matches "role=web"/],
  ['process list', 0],
  ['process list --on role=web', 5, /no host matches "role=web"/],
  ['package find bash', 0],
  ['agent label a1 x=y', 0],
  ['enroll approve a1', 6, /not waiting for approval/],
  ['enroll token', 0],
  ['repo publish --repo-id sample', 5, /never been synced/],
]

/** The cases in which no grant helps, so the hint must not name one. */
const WITHOUT_GRANT: readonly (readonly [command: string, hint: RegExp])[] = [
  ['grant add --to KEY --namespace run --level observe', /ask an operator/],
  [`grant revoke ${RUN} --yes`, /ask an operator/],
  [`process stop ${RUN}`, /name a host that the grant covers/],
  [`process status ${RUN}`, /name a host that the grant covers/],
]

const grantsIn = ({ stderr }: Ended): string[] =>
  [...stderr.matchAll(/`muster (grant add [^`]*)`/g)].map((match) => match[1] as string)

test('a hint after a refusal works when it is followed, and does not repeat itself', async (t) => {
  await using fleet = await startFleet({ agents: 1 })
  let strangers = 0
  const follow = async (command: string): Promise<Ended> => {
    strangers += 1
    const identity = await fleet.key(`stranger${strangers}`)
    const words = command.replace('KEY', `${identity}.pub`).split(' ')
    const refused = await fleet.muster(words, { identity })
    assert.equal(refused.code, 4, `${command}: ${refused.stderr}`)
    for (const grant of grantsIn(refused)) await fleet.ok(grant.replaceAll('HOST', 'a1').split(' '))
    return fleet.muster(words, { identity })
  }
  for (const [command, code, says = /^/] of CASES)
    await t.test(command, async () => {
      const ended = await follow(command)
      assert.deepEqual([ended.code, grantsIn(ended)], [code, []], ended.stderr)
      assert.match(ended.stderr, says)
    })
  for (const [command, hint] of WITHOUT_GRANT)
    await t.test(command, async () => {
      const ended = await follow(command)
      assert.deepEqual([ended.code, grantsIn(ended)], [4, []], ended.stderr)
      assert.match(ended.stderr, hint)
    })
})
