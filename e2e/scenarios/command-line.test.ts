/** The command line as a person or a script meets it: what it does with several things at once, and what it says when a part of them fails. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { startFleet } from '../testing/fleet.ts'

test('several repositories: one that cannot be synced does not keep the others from it', async () => {
  await using fleet = await startFleet({ coordinator: false })
  await fleet.configure('coordinator', '01-hurry.yaml', 'download: { retries: 0 }\n')
  // Before the sample in every order: a failure of the last one would prove nothing.
  await fleet.configure('coordinator', '05-gone.yaml', 'name: a-gone\ntype: rpm\nupstream: { url: "http://127.0.0.1:9/nothing/" }\n')
  await fleet.coordinator()
  const planned = await fleet.muster(['repo', 'sync', '--all', '--dry-run'])
  assert.deepEqual([planned.code, /^sample: would fetch 9 files/m.test(planned.stdout)], [3, true], planned.stderr)
  const synced = await fleet.muster(['repo', 'sync', '--all'])
  assert.equal(synced.code, 3, synced.stderr)
  assert.match(synced.stdout, /^sample: 9 fetched/m)
  assert.match(synced.stderr, /^muster: error: http:\/\/127\.0\.0\.1:9\/nothing\/.*\nmuster: hint: /m)
})
