/**
 * Tests AL-13 with real processes: after a run, its secret isn't on any disk, except in files that
 * the program wrote.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import test from 'node:test'
import { startFleet, within } from '../testing/fleet.ts'

const SECRET = 'canary-5f4e3d2c1b'

/** Finds the files below the folder that contain the text in any likely encoding. */
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

test('AL-13: the value of --env reaches the program and is in no file of the fleet', async (t) => {
  await using fleet = await startFleet({ agents: 2 })
  const secret = { env: { TOKEN: SECRET } }
  const script = 'echo "$TOKEN" | tr a-z A-Z; echo "$OTHER" >&2'

  await t.test('a name alone takes the value from the command’s environment', async () => {
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
      [unset.code, /--env TOKEN: this shell has no such variable/.test(unset.stderr)],
      [2, true],
    )
  })

  await t.test('failed intents, lists and the log don’t show it either', async () => {
    const failed = await fleet.muster(
      ['run', '--on', 'a1', '--env', 'TOKEN', '--', '/no/such/program'],
      secret,
    )
    assert.equal(failed.code, 125)
    const run = await fleet.ok(
      ['process', 'start', '--on', 'a2', '--env', 'TOKEN', '--name', 'long', '--', 'sleep', '1000'],
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
  })

  await fleet.ok(['audit', 'export', '--to', fleet.path('bundle')])
  await fleet.ok(['audit', 'verify', '--bundle', fleet.path('bundle')])
  const log = await within(
    async () => (await readFile(fleet.path('coordinator.log'), 'utf8')) || undefined,
    'a log of the coordinator',
  )
  assert.match(log, /ready/)
  // All files of the fleet are below one folder: the database with its WAL, tiles, logs of daemons,
  // the export, homes of the agents, records of runs.
  const found = await holding(fleet.folder, SECRET)
  assert.deepEqual(
    found.filter((path) => !/^a1\/runs\/[^/]+\/stderr/.test(path)),
    [],
  )
  assert.equal(found.length, 1, 'only the output of the program contains it')
})
