/** `muster agent facts --once` on a home whose agent runs. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { collectError } from '../../../agent/facts/errors.ts'
import { writeAgentIdentity } from '../../../agent/home/identity.ts'
import { localHandlers, type LocalInfo } from '../../../node/content/local.ts'
import { localProtocol } from '../../../protocols/local/protocol.ts'
import { serveProtocol } from '../../../protocols/rpc/serve.ts'
import { serveSocket } from '../../../protocols/rpc/socket.ts'
import { systemClock as clock } from '../../../shared/clock.ts'
import { agentPaths } from '../../../shared/home.ts'
import { sha256Hex } from '../../../shared/ids.ts'
import { silentLogger as log } from '../../../shared/logger.ts'
import { systemRandom as random } from '../../../shared/random.ts'
import { TEST_AGENT, TEST_FLEET } from '../../../shared/testing/statements.ts'
import { runMuster } from '../../testing/run-muster.ts'

type Report = NonNullable<LocalInfo['reportFacts']>

/** A home with a socket that returns `report`. */
async function beside(t: TestContext, report: Report) {
  const home = await mkdtemp(join(tmpdir(), 'muster-facts-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  await writeAgentIdentity({ random }, home, {
    id: TEST_AGENT,
    name: 'a1',
    fleet: TEST_FLEET,
    root: sha256Hex.parse('ab'.repeat(32)),
    coordinators: ['/ip4/127.0.0.1/tcp/1'],
  })
  const info = { role: 'agent', name: 'a1', peerId: 'p', gateway: null } as const
  const handlers = localHandlers({} as never, {
    ...info,
    repositories: async () => [],
    reportFacts: report,
  })
  const policy = { allow: async () => ({ kind: 'local', name: 'local' }) as const }
  const serve = serveProtocol(localProtocol, handlers, { clock, log, policy })
  const socket = await serveSocket(
    { clock, log },
    { path: agentPaths(home).socket, protocols: new Map([[localProtocol.id, serve]]) },
  )
  t.after(() => socket.close())
  return (...args: string[]) => runMuster(['agent', 'facts', '--once', '--home', home, ...args])
}

test('agent facts: prints confirmed removals, and does not report them as unchanged', async (t) => {
  const asked: (readonly string[])[] = []
  const once = await beside(t, async ({ accept }) => {
    asked.push(accept)
    // The coordinator has received the change by gossip.
    return {
      result: 'known',
      packages: 40,
      problems: [],
      changed: true,
      confirmed: [
        { manager: 'dpkg', gone: 60 },
        { manager: 'rpm', gone: 1 },
      ],
    }
  })
  const { code, stderr } = await once('--accept', 'dpkg', '--accept', 'rpm')
  assert.deepEqual(
    [code, stderr],
    [
      0,
      [
        'confirmed: 60 packages of dpkg are gone',
        'confirmed: 1 package of rpm is gone',
        '40 packages sent\n',
      ].join('\n'),
    ],
  )
  await once()
  assert.deepEqual(asked, [['dpkg', 'rpm'], []])
})

test('agent facts: --accept of an unknown manager or one without doubts exits 2', async (t) => {
  const once = await beside(t, async ({ accept: [manager = ''] }) => {
    if (manager === 'pacman')
      throw collectError('facts.unknown-manager', { manager, managers: ['dpkg', 'rpm'] })
    if (manager === 'dpkg') throw collectError('facts.not-in-doubt', { manager, managers: ['rpm'] })
    throw collectError('facts.not-acceptable', { manager, path: '/db', reason: 'cut' })
  })
  const unknown = await once('--accept', 'pacman')
  assert.equal(unknown.code, 2, unknown.stderr)
  assert.match(
    unknown.stderr,
    /"pacman": this host has no such package manager \(expected dpkg or rpm\)/,
  )
  const certain = await once('--accept', 'dpkg')
  assert.equal(certain.code, 2, certain.stderr)
  assert.match(certain.stderr, /of dpkg: nothing about them is in doubt \(in doubt: rpm\)/)
  const unreadable = await once('--accept', 'rpm')
  assert.equal(unreadable.code, 1, unreadable.stderr)
  assert.match(unreadable.stderr, /of rpm: its database \/db can't be read: cut/)
  const bare = await once('--accept')
  assert.equal(bare.code, 2, bare.stderr)
})

test('agent facts: the hint names only managers that can be accepted', async (t) => {
  const problem = { reason: 'r', since: '2026-01-01T00:00:00.000Z' }
  const unreadable = { ...problem, manager: 'rpm', kind: 'unreadable' }
  const doubted = { ...problem, manager: 'dpkg', kind: 'implausible' }
  let problems = [unreadable, doubted]
  const once = await beside(t, async () => ({
    result: 'known',
    packages: 100,
    problems,
    changed: false,
    confirmed: [],
  }))
  const both = await once()
  assert.equal(both.code, 1)
  assert.match(both.stderr, /100 packages, unchanged\n/)
  assert.match(both.stderr, /`muster agent facts --once --accept dpkg` on this host/)
  problems = [unreadable]
  const one = await once()
  assert.equal(one.code, 1)
  assert.doesNotMatch(one.stderr, /accept/)
})

test('agent facts: reports that the agent is too old for --accept', async (t) => {
  const once = await beside(t, async () => ({ result: 'known', packages: 3 }))
  assert.deepEqual(await once().then(({ code, stderr }) => [code, stderr]), [
    0,
    '3 packages, unchanged\n',
  ])
  const { code, stderr } = await once('--accept', 'dpkg')
  assert.equal(code, 6)
  assert.match(stderr, /is older than this program/)
})
