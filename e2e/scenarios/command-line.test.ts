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

test('what is about hosts', async (t) => {
  await using fleet = await startFleet({ agents: 2 })
  const eye = await fleet.key('eye')

  await t.test('a set of hosts is refused where one is meant, and nothing is done to any of them', async () => {
    for (const words of [['agent', 'show'], ['agent', 'revoke', '--yes'], ['agent', 'label'], ['enroll', 'reject']])
      for (const set of ['all', 'number=1']) {
        const ended = await fleet.muster([...words, set, ...(words[1] === 'label' ? ['x=1'] : [])])
        assert.deepEqual([ended.code, /means a set of hosts/.test(ended.stderr)], [2, true], `${words.join(' ')} ${set}\n${ended.stderr}`)
      }
    const rows = JSON.parse(await fleet.ok(['agent', 'list', '-o', 'json'])) as { status: string; labels: object }[]
    assert.deepEqual(
      rows.map(({ status, labels }) => ({ status, labels })),
      [1, 2].map((number) => ({ status: 'connected', labels: { number: `${number}` } })),
    )
  })

  await t.test('a grant covers the labels that were given, or it is refused', async () => {
    const add = (...on: string[]) =>
      fleet.muster(['grant', 'add', '--to', `${eye}.pub`, '--namespace', 'run', '--level', 'observe', ...on.flatMap((text) => ['--on', text])])
    for (const on of [['number=1', 'number=2'], ['number=1,'], ['a=b=c'], ['=x'], ['number=1,number']])
      assert.equal((await add(...on)).code, 2, on.join(' '))
    assert.equal((await add('number=1,role=web', 'a2')).code, 0)
    const [row, ...more] = JSON.parse(await fleet.ok(['grant', 'list', '-o', 'json'])) as { selector: string }[]
    assert.deepEqual([more.length, row?.selector.includes('number=1,role=web')], [0, true], row?.selector)
  })
})
