/**
 * AL-13 on real processes: a secret that is given to a run is on no disk afterwards, except where
 * the program itself wrote it.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import test from 'node:test'
import { startFleet, within } from '../testing/fleet.ts'

const SECRET = 'canary-5f4e3d2c1b'

/**
 * Files below the folder that hold the text in any form in which it is likely to have been written.
 */
async function holding(folder: string, text: string): Promise<string[]> {
  const forms = [
    text,
    Buffer.from(text).toString('base64').slice(0, -3),
    Buffer.from(text).toString('hex'),
  ]
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )
  const found: string[] = []
  for (const file of files) {
    const path = join(file.parentPath, file.name)
    const bytes = await readFile(path)
    if (forms.some((form) => bytes.includes(form))) found.push(relative(folder, path))
  }
  return found.sort()
}

test('AL-13: the value of --env reaches the program and is in no file of coordinator, agents, logs and export', async (t) => {
  await using fleet = await startFleet({ agents: 2 })
  const secret = { env: { TOKEN: SECRET } }
  const script = 'echo "$TOKEN" | tr a-z A-Z; echo "$OTHER" >&2'

  await t.test('by name alone it is the value that is set where the command is typed', async () => {
    const ran = await fleet.muster(
      [
        'run',
        '--on',
        'a1',
        '--env',
        'TOKEN',
        '--env',
        `OTHER=${SECRET}-2`,
        '--',
        'sh',
        '-c',
        script,
      ],
      secret,
    )
    assert.deepEqual(
      [ran.code, ran.stdout, ran.stderr.trimEnd()],
      [0, `${SECRET.toUpperCase()}\n`, `${SECRET}-2`],
    )
    const both = await fleet.muster(
      ['run', '--on', 'all', '--env', 'TOKEN', '--', 'sh', '-c', 'test -n "$TOKEN"'],
      secret,
    )
    assert.equal(both.code, 0, both.stderr)
    const unset = await fleet.muster(['run', '--on', 'a1', '--env', 'TOKEN', '--', 'true'])
    assert.deepEqual(
      [unset.code, /--env TOKEN: there is no such variable here/.test(unset.stderr)],
      [2, true],
    )
  })

  await t.test(
    'an order that fails keeps it as well, and so does what lists and the log show of one that runs',
    async () => {
      const failed = await fleet.muster(
        ['run', '--on', 'a1', '--env', 'TOKEN', '--', '/no/such/program'],
        secret,
      )
      assert.equal(failed.code, 125)
      const run = await fleet.ok(
        [
          'process',
          'start',
          '--on',
          'a2',
          '--env',
          'TOKEN',
          '--name',
          'long',
          '--',
          'sleep',
          '1000',
        ],
        secret,
      )
      for (const args of [
        ['process', 'status', run],
        ['process', 'list', '--all', '-o', 'json'],
        ['audit', 'log', '-o', 'json'],
      ])
        assert.ok(!(await fleet.ok(args)).includes(SECRET), args.join(' '))
      assert.match(await fleet.ok(['audit', 'log', '-o', 'json']), /"TOKEN": "[0-9a-f]{64}"/)
      await fleet.ok(['process', 'stop', run])
    },
  )

  await fleet.ok(['audit', 'export', '--to', fleet.path('bundle')])
  await fleet.ok(['audit', 'verify', '--bundle', fleet.path('bundle')])
  const log = await within(
    async () => (await readFile(fleet.path('coordinator.log'), 'utf8')) || undefined,
    'a log of the coordinator',
  )
  assert.match(log, /ready/)
  // Everything of the fleet is below one folder: database with its WAL, tiles, daemons' logs,
  // export, homes of the agents, records of runs.
  const found = await holding(fleet.folder, SECRET)
  assert.deepEqual(
    found.filter((path) => !/^a1\/runs\/[^/]+\/stderr/.test(path)),
    [],
  )
  assert.equal(found.length, 1, 'what the program wrote is its own output')
})
