/**
 * Checks that bad input causes a clear error with the documented exit code. The process continues,
 * and no partial files remain.
 */
import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { access, chmod, readdir, truncate, writeFile } from 'node:fs/promises'
import test from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import { startFleet, within } from '../testing/fleet.ts'

const ZERO = '0'.repeat(64)
const NOBODY = '01890000-0000-7000-8000-000000000000'

test('every bad input has its exit code and hint, and the fleet still works', async (t) => {
  await using fleet = await startFleet({ coordinator: false })
  await fleet.configure(
    'coordinator',
    '20-gone.yaml',
    'name: gone\ntype: rpm\nupstream: { url: "http://127.0.0.1:9/nothing/" }\n',
  )
  await fleet.coordinator()
  await fleet.agent('a1')
  const stranger = await fleet.key('stranger')
  const used = await fleet.ok(['enroll', 'token', '--approve'])
  await fleet.ok(['agent', 'join', used, '--name', 'b1'], { home: 'b1' })

  const add = async (name: string, text: string): Promise<string> => {
    await writeFile(fleet.path(name), text)
    return fleet.ok(['blob', 'add', fleet.path(name)])
  }
  const stored = (blob: string): string =>
    fleet.path('coordinator', 'pool', 'blobs', blob.slice(0, 2), blob)
  const [small, altered, truncated] = [
    await add('small', 'small'),
    await add('altered', 'x'.repeat(99_999)),
    await add('cut', 'y'.repeat(99_999)),
  ]
  for (const blob of [altered, truncated]) await chmod(stored(blob), 0o600)
  await writeFile(stored(altered), `${'x'.repeat(50_000)}z${'x'.repeat(49_998)}`)
  await truncate(stored(truncated), 1000)
  const expired = await fleet.ok(['enroll', 'token', '--approve', '--ttl', '1s'])
  const until = systemClock.monotonic() + 1_000

  const cases: readonly [
    what: string,
    args: readonly string[],
    code: number,
    says: RegExp,
    options?: { home?: string; identity?: string },
  ][] = [
    ['unknown command', ['frobnicate'], 2, /is not a command/],
    ['unknown verb, nearly right', ['repo', 'snyc'], 2, /did you mean `muster repo sync`/],
    ['unknown flag', ['repo', 'list', '--colour'], 2, /--colour/],
    ['missing flag', ['repo', 'show'], 2, /--repo-id/],
    [
      'flag of a wrong type',
      ['process', 'start', '--on', 'a1', '--memory', 'lots', 'true'],
      2,
      /lots/,
    ],
    ['unknown output format', ['repo', 'list', '-o', 'xml'], 2, /xml/],
    ['unknown repository', ['repo', 'sync', '--repo-id', 'nope'], 5, /no repository "nope"/],
    ['unknown snapshot', ['snapshot', 'show', '--name', 'nope'], 5, /no snapshot/],
    [
      'malformed snapshot name',
      ['snapshot', 'create', '--repo-id', 'sample', '--name', '../x'],
      2,
      /name/,
    ],
    ['unknown host', ['process', 'start', '--on', 'nope', 'true'], 5, /no host matches "nope"/],
    ['malformed selector', ['process', 'start', '--on', '=x', 'true'], 2, /is not a selector/],
    ['unknown run', ['process', 'status', NOBODY], 5, /^/],
    // b1 joined but isn't running, so the coordinator can't know whether it has the blob.
    [
      'unknown blob',
      ['blob', 'get', ZERO, '--to', 'none'],
      7,
      /1 unreachable host may hold it: b1/,
    ],
    [
      'unknown blob on an agent',
      ['blob', 'get', ZERO, '--to', 'none'],
      7,
      /1 unreachable host may hold it: b1/,
      { home: 'a1' },
    ],
    ['malformed blob id', ['blob', 'get', 'XYZ', '--to', 'none'], 2, /not a blob id/],
    ['missing file', ['blob', 'add', '/no/such/file'], 2, /\/no\/such\/file/],
    ['no home', ['status'], 2, /is not a home of a coordinator/, { home: 'nowhere' }],
    ['existing home', ['init'], 6, /exists/],
    ['missing identity', ['status'], 5, /does not exist/, { identity: '/no/such/key' }],
    ['a stranger’s key', ['agent', 'list'], 4, /may not observe fleet/, { identity: stranger }],
    [
      'a stranger’s key that stops a run',
      ['process', 'stop', NOBODY],
      4,
      /may not control run: [^]*--namespace run --level control --on HOST --ttl 1h`/,
      { identity: stranger },
    ],
    [
      'a stranger’s key that looks at a repository',
      ['repo', 'show', '--repo-id', 'sample'],
      4,
      /--namespace repo\/sample --level observe --ttl 1h`/,
      { identity: stranger },
    ],
    [
      'a repository id that no request can contain',
      ['repo', 'show', '--repo-id', 'x'.repeat(300)],
      2,
      /error: repository: expected at most 256 characters; nothing was sent/,
    ],
    [
      'a stranger’s intent',
      ['process', 'start', '--on', 'a1', 'true'],
      4,
      /may not/,
      { identity: stranger },
    ],
    [
      'a used token',
      ['agent', 'join', used, '--name', 'b2'],
      4,
      /token is not valid/,
      { home: 'b2' },
    ],
    [
      'a truncated token',
      ['agent', 'join', used.slice(0, -9), '--name', 'b3'],
      2,
      /ticket is not valid/,
      { home: 'b3' },
    ],
    [
      'a taken name',
      ['agent', 'join', used, '--name', 'a1'],
      6,
      /another host is already called a1/,
      { home: 'b4' },
    ],
    ['unreachable upstream', ['repo', 'sync', '--repo-id', 'gone'], 7, /gone|127\.0\.0\.1/],
    [
      'a never-synced repository',
      ['repo', 'publish', '--repo-id', 'sample'],
      5,
      /never been synced/,
    ],
    ['a destructive command without a terminal', ['agent', 'revoke', 'a1'], 2, /--yes/],
    ['an invalid bundle', ['audit', 'verify', '--bundle', '/tmp'], 5, /not an exported log|tmp/],
    ['an index beyond the log', ['audit', 'prove', '999999'], 2, /outside the log/],
    [
      'a grant without a subject',
      ['grant', 'add', '--to', 'not-a-key', '--namespace', 'run', '--level', 'observe'],
      2,
      /neither a key fingerprint/,
    ],
    [
      'a grant without a namespace',
      [
        'grant',
        'add',
        '--to',
        fleet.path('stranger.pub'),
        '--namespace',
        'moon',
        '--level',
        'observe',
      ],
      2,
      /--namespace: expected one of fleet, .*, got "moon"/,
    ],
    ['facts of an unknown host', ['facts', 'show', 'nope'], 5, /no host matches "nope"/],
    [
      'details of an unknown repository',
      ['repo', 'show', '--repo-id', 'nope'],
      5,
      /no repository "nope"/,
    ],
    [
      'an unknown repository at a gateway',
      ['agent', 'repofile', '--repo-id', 'nope'],
      5,
      /no repository nope/,
      { home: 'a1' },
    ],
    ['the repository file of a coordinator', ['agent', 'repofile'], 2, /not an agent's home/],
    ['an unknown grant', ['grant', 'revoke', NOBODY, '--yes'], 5, /no grant/],
    [
      'a range beyond the blob',
      ['blob', 'get', small, '--to', 'none', '--range', '0-999999'],
      2,
      /not a range/,
    ],
    [
      'a damaged blob on its only node',
      ['blob', 'get', altered, '--to', 'none'],
      7,
      /could not be|no provider|providers/,
      { home: 'a1' },
    ],
    [
      'a truncated blob, on the node itself',
      ['blob', 'get', truncated, '--to', 'none'],
      9,
      /the received content is not the blob/,
    ],
    [
      'an expired token',
      ['agent', 'join', expired, '--name', 'b5'],
      4,
      /token is not valid/,
      { home: 'b5' },
    ],
    [
      'a missing configuration',
      ['config', 'validate', '--config', '/no/such.yaml'],
      2,
      /\/no\/such\.yaml/,
    ],
    ['a home that is empty', ['--home', '', 'status'], 2, /--home: expected a value/],
    [
      'a value above its bound',
      ['enroll', 'token', '--ttl', '2h'],
      2,
      /--ttl: expected at most 1h, got "2h"/,
    ],
    ['an invalid label', ['agent', 'label', 'a1', 'a b=1'], 2, /a b: expected a label name/],
    [
      'an invalid version condition',
      ['package', 'find', 'bash', '--version', 'about 5'],
      2,
      /not a version condition/,
    ],
    ['a host that does not wait', ['enroll', 'approve', 'a1'], 6, /is approved, not waiting/],
    ['a second coordinator on one home', ['coordinator', 'run'], 6, /another process listens on/],
    [
      'a coordinator without a home',
      ['coordinator', 'run'],
      2,
      /no configuration|not a coordinator's home/,
      { home: 'nowhere' },
    ],
    ['an invalid ticket', ['status', '--coordinator', 'muster1-x'], 2, /ticket is not valid/],
    [
      'a missing program',
      ['process', 'start', '--on', 'a1', '/no/such'],
      1,
      /a1 could not carry out the intent: ENOENT/,
    ],
  ]
  for (const [what, args, code, says, options] of cases)
    await t.test(what, async () => {
      if (what === 'an expired token')
        await within(async () => systemClock.monotonic() > until, 'the end of a token')
      const ended = await fleet.muster(args, options)
      assert.equal(ended.code, code, `muster ${args.join(' ')}\n${ended.stdout}${ended.stderr}`)
      assert.match(`${ended.stdout}${ended.stderr}`, says)
      if (what !== 'unknown run')
        assert.match(
          ended.stderr,
          /^muster: error: ([^A-Z]|SHA256:).*[^.]\nmuster: hint: \S.*[^.]\n$/m,
        )
      assert.doesNotMatch(ended.stderr, /\n\s+at |node:internal|undefined/)
    })

  await t.test('RS-29: a failing repository does not stop the sync of others', async () => {
    const ended = await fleet.muster(['repo', 'sync', '--all'])
    assert.equal(ended.code, 3, ended.stderr)
    assert.match(ended.stderr, /^muster: error: .*127\.0\.0\.1:9/m)
    assert.match(ended.stdout, /^sample: 9 fetched/m)
  })

  await t.test('no partial files are left', async () => {
    for (const home of ['b2', 'b3', 'b4', 'b5'])
      await assert.rejects(access(fleet.path(home)), `${home} was created for a rejected join`)
    await assert.rejects(access('none'))
    assert.equal(await fleet.ok(['run', '--on', 'a1', '--', 'echo', 'still here']), 'still here')
    assert.equal(
      (await readdir(fleet.path('coordinator', 'publish')).catch((): string[] => [])).includes(
        'gone',
      ),
      false,
    )
  })
})

test('an occupied port and an invalid configuration stop a daemon with a clear error', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    await fleet.configure('coordinator', '30-port.yaml', `listen: ["/ip4/127.0.0.1/tcp/${port}"]\n`)
    const taken = await fleet.muster(['coordinator', 'run'])
    assert.equal(taken.code, 6)
    assert.match(taken.stderr, new RegExp(`cannot listen on .*${port}`))
    await fleet.configure('coordinator', '30-port.yaml', `http: { listen: "127.0.0.1:${port}" }\n`)
    const http = await fleet.muster(['coordinator', 'run'])
    assert.equal(http.code, 6)
    assert.match(http.stderr, new RegExp(`127\\.0\\.0\\.1:${port}`))
    await fleet.configure('coordinator', '30-port.yaml', 'http: { listen: "127.0.0.1:0" }\n')
    await fleet.coordinator()
    await fleet.ok(
      ['agent', 'join', await fleet.ok(['enroll', 'token', '--approve']), '--name', 'a1'],
      { home: 'a1' },
    )
    await fleet.configure(
      'a1',
      '00-port.yaml',
      `listen: ["/ip4/127.0.0.1/tcp/0"]\ngateway: { listen: "127.0.0.1:${port}" }\n`,
    )
    const gateway = await fleet.muster(['agent', 'run'], { home: 'a1' })
    assert.deepEqual(
      [gateway.code, new RegExp(`127\\.0\\.0\\.1:${port}`).test(gateway.stderr)],
      [6, true],
      gateway.stderr,
    )
  } finally {
    server.close()
  }
  for (const [text, says] of [
    ['download: { workers: many }\n', /30-port\.yaml:1:\d+ .*workers/],
    ['downlaod: { workers: 3 }\n', /downlaod.*[Dd]id you mean "download"/],
    ['a: [\n', /30-port\.yaml:\d+/],
    ['http: { listen: "x" }\nhttp: { listen: "y" }\n', /30-port\.yaml:2/],
  ] as const) {
    await writeFile(fleet.path('coordinator', 'conf.d', '30-port.yaml'), text)
    const ended = await fleet.muster(['coordinator', 'run'])
    assert.equal(ended.code, 2, ended.stderr)
    assert.match(ended.stderr, says)
  }
})
