/** Tests commands with several targets: their effects, and their errors if some targets fail. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { formatTicket, parseTicket } from '../../protocols/enroll/ticket.ts'
import { blake3Of } from '../../shared/blake3/hash.ts'
import { startFleet, within } from '../testing/fleet.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'muster')
const NOBODY = '01890000-0000-7000-8000-000000000000'

test('a repository that cannot be synced does not stop the sync of others', async () => {
  await using fleet = await startFleet({ coordinator: false })
  await fleet.configure('coordinator', '01-hurry.yaml', 'download: { retries: 0 }\n')
  // It sorts before `sample`. A failure of the last repository would prove nothing.
  await fleet.configure(
    'coordinator',
    '05-gone.yaml',
    'name: a-gone\ntype: rpm\nupstream: { url: "http://127.0.0.1:9/nothing/" }\n',
  )
  await fleet.coordinator()
  const planned = await fleet.muster(['repo', 'sync', '--all', '--dry-run'])
  assert.deepEqual(
    [planned.code, /^sample: would fetch 9 files/m.test(planned.stdout)],
    [3, true],
    planned.stderr,
  )
  const synced = await fleet.muster(['repo', 'sync', '--all'])
  assert.equal(synced.code, 3, synced.stderr)
  assert.match(synced.stdout, /^sample: 9 fetched/m)
  assert.match(
    synced.stderr,
    /^muster: error: http:\/\/127\.0\.0\.1:9\/nothing\/.*\nmuster: hint: /m,
  )
})

test('commands about hosts', async (t) => {
  await using fleet = await startFleet()
  const agents = [await fleet.agent('a1', ['number=1']), await fleet.agent('a2', ['number=2'])]
  const eye = await fleet.key('eye')

  await t.test('rejects a set of hosts where one is required, and changes nothing', async () => {
    for (const words of [
      ['agent', 'show'],
      ['agent', 'revoke', '--yes'],
      ['agent', 'label'],
      ['enroll', 'reject'],
    ])
      for (const set of ['all', 'number=1']) {
        const ended = await fleet.muster([...words, set, ...(words[1] === 'label' ? ['x=1'] : [])])
        assert.deepEqual(
          [ended.code, /expected one host, got .* which selects a set/.test(ended.stderr)],
          [2, true],
          `${words.join(' ')} ${set}\n${ended.stderr}`,
        )
      }
    const rows = JSON.parse(await fleet.ok(['agent', 'list', '-o', 'json'])) as {
      status: string
      labels: object
    }[]
    assert.deepEqual(
      rows.map(({ status, labels }) => ({ status, labels })),
      [1, 2].map((number) => ({ status: 'connected', labels: { number: `${number}` } })),
    )
  })

  await t.test('a grant covers the given labels or is rejected', async () => {
    const add = (...on: string[]) =>
      fleet.muster([
        'grant',
        'add',
        '--to',
        `${eye}.pub`,
        '--namespace',
        'run',
        '--level',
        'observe',
        ...on.flatMap((text) => ['--on', text]),
      ])
    for (const on of [
      ['number=1', 'number=2'],
      ['number=1,'],
      ['a=b=c'],
      ['=x'],
      ['number=1,number'],
    ])
      assert.equal((await add(...on)).code, 2, on.join(' '))
    assert.equal((await add('number=1,role=web', 'a2')).code, 0)
    const [row, ...more] = JSON.parse(await fleet.ok(['grant', 'list', '-o', 'json'])) as {
      selector: string
    }[]
    assert.deepEqual(
      [more.length, row?.selector.includes('number=1,role=web')],
      [0, true],
      row?.selector,
    )
  })

  await t.test('--local works without a key, a coordinator and an agent', async () => {
    await agents[0]?.stop()
    const local = (words: readonly string[], more: readonly string[] = []) =>
      fleet.muster(['process', ...words, '--local', ...more], {
        home: 'a1',
        identity: '/no/such/key',
      })
    const began = await local(
      ['start', '--name', 'x', '--env', 'A=b c'],
      ['--', 'sh', '-c', 'echo "$A"; echo err >&2; sleep 600'],
    )
    assert.deepEqual([began.code, began.stderr], [0, ''])
    assert.match(began.stdout, /^[0-9a-f-]{36}\n$/)
    const run = began.stdout.trim()
    const prefix = run.slice(0, -1)
    await within(async () => (await local(['output', prefix])).stdout === 'b c\n', 'its output')
    assert.equal((await local(['output', run])).stderr, 'err\n')
    assert.equal((await local(['status', prefix])).stdout, 'running\n')
    assert.equal((await local(['wait', run, '--timeout', '50ms'])).code, 8)
    const [row] = JSON.parse((await local(['list', '-o', 'json'])).stdout) as Record<
      string,
      unknown
    >[]
    assert.deepEqual(
      [row?.['run'], row?.['host'], row?.['name'], row?.['outputBytes']],
      [run, 'a1', 'x', 8],
    )
    assert.deepEqual(await local(['stop', run, '--grace', '5s']), {
      code: 0,
      stdout: 'process stopped\n',
      stderr: '',
    })
    assert.equal((await local(['status', run])).stdout, 'stopped\n')
    assert.equal((await local(['stream', run])).stdout, 'b c\n')
    assert.deepEqual(await local(['status', NOBODY]), {
      code: 5,
      stdout: 'process not found\n',
      stderr: '',
    })
    const none = await local(['start'], ['--', '/no/such/program'])
    assert.deepEqual([none.code, none.stdout], [1, ''])
    assert.match(none.stderr, /^muster: error: a1 could not carry out the intent: ENOENT/)
    for (const args of [
      ['process', 'start', '--', 'true'],
      ['process', 'start', '--local', '--on', 'a1', '--', 'true'],
      ['process', 'stop', run, '--signal', 'NOPE'],
    ])
      assert.equal((await fleet.muster(args, { home: 'a1' })).code, 2, args.join(' '))
    assert.equal(
      (await fleet.muster(['process', 'list', '--local'])).code,
      2,
      'a coordinator has no runner',
    )
    await fleet.start('a1', ['agent', 'run'])
  })

  await t.test('a lost host ends only its own stream', async () => {
    const watching = fleet.muster([
      'run',
      '--on',
      'all',
      '--',
      'sh',
      '-c',
      'echo begun; while ! test -e "$0"; do sleep 0.1; done; echo done',
      fleet.path('go'),
    ])
    await within(
      async () => JSON.parse(await fleet.ok(['process', 'list', '-o', 'json'])).length === 2,
      'two runs',
    )
    await agents[1]?.stop('SIGKILL')
    await within(
      async () => (await fleet.ok(['agent', 'list'])).includes('offline'),
      'a2 is offline',
    )
    await writeFile(fleet.path('go'), '')
    const ended = await watching
    assert.equal(ended.code, 3, ended.stderr)
    assert.match(ended.stdout, /^a1: done$/m)
    assert.match(ended.stderr, /^a2\b.*\n1 of 2 hosts failed\n$/m)
  })

  await t.test('Ctrl-C stops watching, and reports how to stop the run', async (t) => {
    const env = {
      PATH: process.env['PATH'],
      HOME: fleet.folder,
      MUSTER_HOME: fleet.path('coordinator'),
      MUSTER_IDENTITY: fleet.path('operator'),
    }
    const child = spawn(BIN, ['run', '--on', 'a1', '--', 'sh', '-c', 'echo begun; sleep 600'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    t.after(() => child.kill('SIGKILL'))
    const seen = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (seen.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (seen.err += chunk.toString()))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    await within(async () => seen.out === 'begun\n', 'its output')
    child.kill('SIGINT')
    assert.equal(await ended, 130)
    const run = new RegExp(
      '^muster: error: interrupted, but the run continues; ' +
        'run `muster process stop ([0-9a-f-]{36})` to stop it\n$',
    ).exec(seen.err)?.[1]
    assert.ok(run, seen.err)
    assert.equal(await fleet.ok(['process', 'status', run]), 'running')
    await fleet.ok(['process', 'stop', run])
  })

  await t.test(
    'commands use the current context unless a flag or variable overrides it',
    async () => {
      const desk = { home: 'desk', env: { MUSTER_IDENTITY: undefined } }
      const at = (...words: string[]) => fleet.muster(words, desk)
      const ticket = await fleet.ok(['ticket'])
      const token = await fleet.ok(['enroll', 'token'])
      assert.equal(
        (await at('context', 'add', 'real', ticket, '--identity', fleet.path('operator'))).code,
        0,
      )
      // No server has this address, and only this context contains it.
      const { addresses, ...rest } = parseTicket(token)
      const gone = formatTicket({
        ...rest,
        addresses: addresses.map((address) => address.replace(/tcp\/\d+/, 'tcp/9')),
      })
      assert.equal((await at('context', 'add', 'gone', gone)).code, 0)
      const text = await readFile(fleet.path('.config', 'muster', 'contexts.json'), 'utf8')
      assert.equal(text.includes(gone), false, 'the secret of a token was kept')
      const rows = JSON.parse((await at('context', 'list', '-o', 'json')).stdout) as {
        name: string
        current: boolean
      }[]
      assert.deepEqual(
        rows.map(({ name, current }) => [name, current]),
        [
          ['gone', false],
          ['real', true],
        ],
      )
      const reached = async (
        words: readonly string[],
        env: Record<string, string> = {},
        home = 'desk',
      ): Promise<number> =>
        (
          await fleet.muster([...words, 'agent', 'list', '--identity', fleet.path('operator')], {
            home,
            env,
          })
        ).code
      assert.equal((await at('agent', 'list')).code, 0, 'the current context, with its key')
      assert.equal(await reached(['--context', 'gone']), 7)
      assert.equal(await reached([], { MUSTER_CONTEXT: 'gone' }), 7)
      assert.equal(await reached(['--context', 'real'], { MUSTER_COORDINATOR: gone }), 0)
      assert.equal((await at('context', 'use', 'gone')).code, 0)
      assert.equal(await reached([]), 7)
      assert.equal(await reached(['--coordinator', ticket]), 0)
      assert.equal(await reached([], { MUSTER_COORDINATOR: ticket, MUSTER_CONTEXT: 'gone' }), 0)
      assert.equal(await reached([], {}, 'coordinator'), 0, 'a coordinator’s home that is named')
      assert.equal(await reached(['--context', 'real', '--coordinator', ticket]), 2)
      for (const [words, code] of [
        [['use', 'unknown'], 5],
        [['use'], 2],
        [['add', 'real', ticket], 6],
        [['add', '../x', ticket], 2],
        [['add', 'x', 'muster1-x'], 2],
        [['remove', 'gone'], 0],
        [['use', '--none'], 0],
      ] as const) {
        const ended = await at('context', ...words)
        assert.equal(ended.code, code, `${words.join(' ')}: ${ended.stderr}`)
      }
      await writeFile(fleet.path('.config', 'muster', 'contexts.json'), '{')
      const damaged = await at('agent', 'list')
      assert.deepEqual(
        [
          damaged.code,
          /cannot use the contexts in .*contexts\.json: the file was not written by muster/.test(
            damaged.stderr,
          ),
        ],
        [2, true],
      )
      await rm(fleet.path('.config'), { recursive: true })
    },
  )
})

test('prints JSON with -o json, and follows the log', async (t) => {
  await using fleet = await startFleet()
  const json = async (...words: string[]): Promise<unknown> =>
    JSON.parse(await fleet.ok([...words, '-o', 'json']))

  await t.test('one-word outputs are objects or lists with -o json', async () => {
    assert.deepEqual(await json('ticket'), { ticket: await fleet.ok(['ticket']) })
    const { token, ...rest } = (await json(
      'enroll',
      'token',
      '--approve',
      '--label',
      'role=web',
      '--ttl',
      '1m',
    )) as { token: string }
    assert.deepEqual(rest, { ttlMs: 60_000, approve: true, labels: { role: 'web' } })
    const joined = JSON.parse(
      await fleet.ok(['agent', 'join', token, '--name', 'h', '-o', 'json'], { home: 'h' }),
    ) as Record<string, string>
    assert.deepEqual([joined['name'], joined['status']], ['h', 'approved'])
    assert.deepEqual(await json('blob', 'add', fleet.path('operator.pub')), {
      blob: blake3Of(await readFile(fleet.path('operator.pub'))),
    })
    const [planned] = [await json('repo', 'sync', '--repo-id', 'sample', '--dry-run')] as [
      { repository: string; fetch: number },
    ]
    assert.deepEqual([planned.repository, planned.fetch], ['sample', 9])
    const [row, ...more] = (await json('repo', 'sync', '--all')) as {
      repository: string
      fetched: number
      version: number
    }[]
    assert.deepEqual(
      [row?.repository, row?.fetched, row?.version, more.length],
      ['sample', 9, 1, 0],
    )
  })

  await t.test('AL-14: audit log --follow prints each new entry on one line', async (t) => {
    const env = {
      PATH: process.env['PATH'],
      HOME: fleet.folder,
      MUSTER_HOME: fleet.path('coordinator'),
      MUSTER_IDENTITY: fleet.path('operator'),
    }
    const follow = (...words: string[]) => {
      const child = spawn(BIN, ['audit', 'log', '--follow', '--count', '1', ...words], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      t.after(() => child.kill('SIGKILL'))
      const seen = { text: '' }
      child.stdout.on('data', (chunk: Buffer) => (seen.text += chunk.toString()))
      return {
        seen,
        child,
        ended: new Promise<number | null>((resolve) => child.once('close', resolve)),
      }
    }
    const [table, lines] = [follow(), follow('-o', 'json')]
    await within(async () => table.seen.text !== '' && lines.seen.text !== '', 'the newest entry')
    await fleet.ok([
      'snapshot',
      'create',
      '--repo-id',
      'sample',
      '--name',
      'one',
      '--description',
      'x\n\u001b[2J{"index":0}\u202e',
    ])
    await within(
      async () =>
        [table, lines].every(({ seen }) => seen.text.split('snapshot.create').length === 3),
      'intent and outcome',
    )
    for (const { child } of [table, lines]) child.kill('SIGINT')
    assert.deepEqual([await table.ended, await lines.ended], [130, 130])
    const indexes = lines.seen.text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { index: number }).index)
    assert.deepEqual(
      indexes,
      [0, 1, 2].map((more) => (indexes[0] as number) + more),
    )
    assert.match(
      table.seen.text,
      /^INDEX .*\n +\d+ .*\n +\d+ .* snapshot\.create .*\n +\d+ .* snapshot\.create .*\n$/,
    )
    assert.doesNotMatch(table.seen.text + lines.seen.text, /[\u001b\u202e]/)
  })
})
