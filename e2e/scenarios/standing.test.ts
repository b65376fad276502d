/**
 * Tests changes of rights and memberships: grants for some hosts, grants that end during a stream,
 * revoked hosts, another server at a coordinator's address.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { createNode } from '../../node/node.ts'
import { systemClock } from '../../shared/clock.ts'
import { agentPaths } from '../../shared/home.ts'
import { fleetId } from '../../shared/ids.ts'
import { generateKey } from '../../shared/identity/signer.ts'
import { silentLogger } from '../../shared/logger.ts'
import { systemRandom } from '../../shared/random.ts'
import { trustError } from '../../shared/trust/errors.ts'
import { type Fleet, startFleet, within } from '../testing/fleet.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'muster')
const deps = { clock: systemClock, random: systemRandom, log: silentLogger }

/** Starts `process stream` of a run as a separate process of an operator. */
function watch(t: TestContext, fleet: Fleet, identity: string, run: string) {
  const env = {
    PATH: process.env['PATH'],
    HOME: fleet.folder,
    MUSTER_HOME: fleet.path('coordinator'),
    MUSTER_IDENTITY: identity,
  }
  const child = spawn(BIN, ['process', 'stream', run], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const seen = { bytes: 0, errors: '' }
  child.stdout.on('data', (chunk: Buffer) => (seen.bytes += chunk.length))
  child.stderr.on('data', (chunk: Buffer) => (seen.errors += chunk.toString()))
  return { seen, ended: new Promise<number | null>((resolve) => child.once('close', resolve)) }
}

test('rights apply to the granted hosts and times', async (t) => {
  await using fleet = await startFleet({ agents: 2 })
  const some = await fleet.key('some')
  const grant = async (key: string, level: string, ...more: string[]): Promise<string> =>
    fleet.ok([
      'grant',
      'add',
      '--to',
      `${key}.pub`,
      '--namespace',
      'run',
      '--level',
      level,
      ...more,
      '-o',
      'name',
    ])

  await t.test('a grant for some hosts starts runs on those only, by name and label', async () => {
    await grant(some, 'control', '--on', 'number=1')
    for (const on of ['a1', 'number=1'])
      assert.equal(
        await fleet.ok(['run', '--on', on, '--', 'echo', 'hi'], { identity: some }),
        'hi',
      )
    for (const on of ['a2', 'number=2', 'all', 'nowhere'])
      assert.equal(
        (await fleet.muster(['run', '--on', on, '--', 'true'], { identity: some })).code,
        4,
        on,
      )
  })

  await t.test(
    'ID-24: a stream ends within five seconds of the revocation of its grant',
    async (t) => {
      const eye = await fleet.key('eye')
      const id = await grant(eye, 'observe')
      const run = await fleet.ok([
        'process',
        'start',
        '--on',
        'a1',
        '--',
        'sh',
        '-c',
        'while :; do echo x; sleep 0.1; done',
      ])
      const { seen, ended } = watch(t, fleet, eye, run)
      await within(async () => seen.bytes > 0, 'output')
      await fleet.ok(['grant', 'revoke', id, '--yes'])
      const limit = new AbortController()
      const code = await Promise.race([
        ended,
        systemClock.sleep(5_000, limit.signal).then(() => 'still watching'),
      ])
      limit.abort()
      assert.equal(code, 4, seen.errors)
      await fleet.ok(['process', 'stop', run])
    },
  )

  await t.test('`all` doesn’t include a revoked host', async () => {
    const start = async (...command: string[]) =>
      fleet.ok(['process', 'start', '--on', 'a2', '--', ...command])
    const [over, alive] = [await start('true'), await start('sleep', '600')]
    await fleet.ok(['process', 'wait', over])
    const { stderr, code } = await fleet.muster(['agent', 'revoke', 'a2', '--yes'])
    assert.equal(code, 0, stderr)
    // A run that can't be stopped any more is reported at once as lost.
    assert.deepEqual([stderr.includes(alive), stderr.includes(over)], [true, false], stderr)
    assert.equal(await fleet.ok(['process', 'status', alive]), 'lost: a2 was revoked while it ran')
    assert.equal(await fleet.ok(['process', 'status', over]), 'exited: 0')
    for (const words of [
      ['process', 'stop', alive],
      ['process', 'output', alive],
    ]) {
      const refused = await fleet.muster(words)
      assert.deepEqual(
        [refused.code, /a2 was revoked/.test(refused.stderr)],
        [6, true],
        refused.stderr,
      )
    }
    assert.equal(await fleet.ok(['run', '--on', 'all', '--', 'echo', 'hi']), 'hi')
    assert.equal((await fleet.muster(['run', '--on', 'a2', '--', 'true'])).code, 6)
  })
})

test('ID-25: a host that reconnects gets revocations before any intent', async () => {
  await using fleet = await startFleet({ agents: 1 })
  const away = await fleet.agent('a2')
  await fleet.agent('a3')
  await away.stop()
  await fleet.ok(['agent', 'revoke', 'a3', '--yes'])
  await fleet.start('a2', ['agent', 'run'])
  const { trust } = agentPaths(fleet.path('a2'))
  const { revocations } = JSON.parse(await readFile(join(trust, 'trust.json'), 'utf8')) as {
    revocations: unknown[]
  }
  assert.equal(revocations.length, 1)
})

test('an agent survives another server at its coordinator’s address', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const first = await fleet.coordinator()
  const agent = await fleet.agent('a1')
  const port = /tcp\/(\d+)\//.exec(first.ready[1] as string)?.[1] as string
  await first.stop()
  const other = await createNode(deps, {
    key: generateKey(deps),
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    fleet: fleetId.parse('0'.repeat(32)),
    version: '0',
    credentials: {
      own: () => undefined,
      check: () => {
        throw trustError('trust.issuer', { what: 'the certificate', key: 'none' })
      },
    },
  })
  try {
    await within(
      async () => (await agent.log()).includes('node.wrong-peer'),
      'the agent reaching the other server',
    )
  } finally {
    await other.close()
  }
  await fleet.configure(
    'coordinator',
    '00-test.yaml',
    `listen: ["/ip4/127.0.0.1/tcp/${port}"]\nhttp: { listen: "127.0.0.1:0" }\n`,
  )
  await fleet.coordinator()
  await within(
    async () => (await fleet.muster(['run', '--on', 'a1', '--', 'true'])).code === 0,
    'the agent reconnecting',
  )
})
