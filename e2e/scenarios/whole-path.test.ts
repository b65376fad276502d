/**
 * Tests one package in every part: mirror, pool, peers, gateway, facts, runs, log. The test uses
 * real processes and the command line.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import test from 'node:test'
import { samplePackages } from '../../fixtures/rpm/sample.ts'
import { systemRandom } from '../../shared/random.ts'
import { startFleet, within } from '../testing/fleet.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('a fleet mirrors, distributes, collects facts, runs and proves', async (t) => {
  await using fleet = await startFleet({ agents: 2 })
  const { coordinator } = JSON.parse(await fleet.ok(['status', '-o', 'json'])) as {
    coordinator: { http: string }
  }
  const base = coordinator.http

  await t.test('the mirror publishes the upstream byte for byte', async () => {
    await fleet.ok(['repo', 'sync', '--repo-id', 'sample'])
    const path = 'repodata/repomd.xml'
    const [ours, theirs] = await Promise.all([
      fetch(`${base}/repos/sample/latest/${path}`),
      fetch(`${fleet.upstream}${path}`),
    ])
    assert.equal(
      sha256(new Uint8Array(await ours.arrayBuffer())),
      sha256(new Uint8Array(await theirs.arrayBuffer())),
    )
    const shown = JSON.parse(
      await fleet.ok(['repo', 'show', '--repo-id', 'sample', '-o', 'json']),
    ) as {
      packages: number
      lastSync: { result: string }
    }
    assert.equal(shown.packages, samplePackages.length)
    assert.equal(shown.lastSync.result, 'complete')
    assert.match(await fleet.ok(['repo', 'sync', '--repo-id', 'sample']), /nothing to do/)
  })

  await t.test('a snapshot is served, keeps its name, and can be deleted', async () => {
    await fleet.ok(['snapshot', 'create', '--repo-id', 'sample', '--name', 'one'])
    assert.equal(
      (await fetch(`${base}/repos/sample/snapshots/one/repodata/repomd.xml`)).status,
      200,
    )
    assert.equal(
      (await fleet.muster(['snapshot', 'create', '--repo-id', 'sample', '--name', 'one'])).code,
      6,
    )
    await fleet.ok(['snapshot', 'delete', '--name', 'one', '--yes'])
    assert.equal((await fleet.muster(['snapshot', 'show', '--name', 'one'])).code, 5)
    assert.equal(
      (await fetch(`${base}/repos/sample/snapshots/one/repodata/repomd.xml`)).status,
      404,
    )
  })

  await t.test('an agent’s gateway serves the same bytes, whole and by range', async () => {
    const repofile = await fleet.ok(['agent', 'repofile'], { home: 'a1' })
    const url = /^baseurl=(.*)$/m.exec(repofile)?.[1] as string
    const primary = await (await fetch(`${url}repodata/repomd.xml`)).text()
    const [, href] = /<location href="([^"]*primary[^"]*)"/.exec(primary) as unknown as [
      string,
      string,
    ]
    const [ours, theirs] = await Promise.all(
      [fetch(url + href), fetch(fleet.upstream + href)].map(
        async (response) => new Uint8Array(await (await response).arrayBuffer()),
      ),
    )
    assert.equal(sha256(ours as Uint8Array), sha256(theirs as Uint8Array))
    const part = await fetch(url + href, { headers: { range: 'bytes=3-9' } })
    assert.equal(part.status, 206)
    assert.deepEqual(
      new Uint8Array(await part.arrayBuffer()),
      (theirs as Uint8Array).subarray(3, 10),
    )
    assert.equal((await fetch(`${url}no/such/file`)).status, 404)
  })

  await t.test('a blob goes from the coordinator to one agent and from it to another', async () => {
    await writeFile(fleet.path('blob'), systemRandom.bytes(3_000_001))
    const id = await fleet.ok(['blob', 'add', fleet.path('blob')])
    for (const home of ['a1', 'a2']) {
      await fleet.ok(['blob', 'get', id, '--to', fleet.path(`blob.${home}`)], { home })
      assert.equal(
        sha256(await readFile(fleet.path(`blob.${home}`))),
        sha256(await readFile(fleet.path('blob'))),
      )
    }
    await within(
      async () =>
        (await fleet.ok(['blob', 'providers', id, '-o', 'name'])).split('\n').length === 3,
      'the tracker knowing three providers',
    )
    const onAgent = await fleet.ok(['blob', 'add', fleet.path('operator.pub')], { home: 'a1' })
    await within(
      async () =>
        (
          await fleet.muster(['blob', 'get', onAgent, '--to', fleet.path('from-a1')], {
            home: 'a2',
          })
        ).code === 0,
      'a blob of one agent reaching the other',
    )
  })

  await t.test('facts arrive and match the host', async () => {
    const facts = await within(async () => {
      const { code, stdout } = await fleet.muster(['facts', 'show', 'a1', '-o', 'json'])
      return code === 0
        ? (JSON.parse(stdout) as { packages: unknown[]; sequence: number; root: string })
        : undefined
    }, 'facts of a1')
    assert.equal(facts.sequence >= 1, true)
    assert.match(facts.root, /^[0-9a-f]{64}$/)
  })

  await t.test('runs start, stop, and keep their exit codes and both streams', async () => {
    const ran = await fleet.muster([
      'run',
      '--on',
      'a1',
      '--env',
      'A=x y',
      '--cwd',
      '/',
      '--',
      'sh',
      '-c',
      'echo "$A $PWD"; echo err >&2; exit 3',
    ])
    assert.deepEqual([ran.code, ran.stdout], [3, 'x y /\n'])
    assert.match(ran.stderr, /^err$/m)
    const run = await fleet.ok([
      'process',
      'start',
      '--on',
      'a2',
      '--',
      'sh',
      '-c',
      'trap "" TERM; while :; do sleep 0.1; done',
    ])
    assert.match(run, /^[0-9a-f-]{36}$/)
    assert.equal(await fleet.ok(['process', 'status', run]), 'running')
    assert.equal(await fleet.ok(['process', 'stop', run, '--grace', '200ms']), 'process stopped')
    assert.equal(await fleet.ok(['process', 'status', run]), 'stopped')
    const both = await fleet.muster(['run', '--on', 'all', '--', 'printf', 'a\\nb'])
    assert.deepEqual(
      [both.code, both.stdout.split('\n').sort()],
      [0, ['', 'a1: a', 'a1: b', 'a2: a', 'a2: b']],
    )
  })

  await t.test('rights: a stranger has none, and a grant gives exactly its right', async () => {
    const eye = await fleet.key('eye')
    const run = await fleet.ok(['process', 'start', '--on', 'a1', 'true'])
    assert.equal((await fleet.muster(['process', 'status', run], { identity: eye })).code, 4)
    const grant = await fleet.ok([
      'grant',
      'add',
      '--to',
      fleet.path('eye.pub'),
      '--namespace',
      'run',
      '--level',
      'observe',
      '--on',
      'number=1',
      '-o',
      'name',
    ])
    assert.equal((await fleet.muster(['process', 'status', run], { identity: eye })).code, 0)
    assert.equal(
      (await fleet.muster(['process', 'start', '--on', 'a1', 'true'], { identity: eye })).code,
      4,
    )
    await fleet.ok(['grant', 'revoke', grant, '--yes'])
    assert.equal((await fleet.muster(['process', 'status', run], { identity: eye })).code, 4)
  })

  await t.test('the log verifies; its export verifies offline until a byte changes', async () => {
    await fleet.ok(['audit', 'verify'])
    const log = JSON.parse(await fleet.ok(['audit', 'log', '-o', 'json'])) as {
      type: string
      verb: string
      operation: string
      result: string | null
    }[]
    for (const intent of log.filter((entry) => entry.type === 'intent' || entry.type === 'policy'))
      assert.ok(
        log.some((entry) => entry.type === 'outcome' && entry.operation === intent.operation),
        `${intent.verb} has an outcome`,
      )
    await fleet.ok(['audit', 'export', '--to', fleet.path('bundle')])
    const offline = { env: { MUSTER_HOME: undefined, MUSTER_IDENTITY: undefined } }
    await fleet.ok(['audit', 'verify', '--bundle', fleet.path('bundle')], offline)
    const checkpoint = fleet.path('bundle', 'checkpoint')
    const bytes = await readFile(checkpoint)
    bytes[40] = (bytes[40] as number) ^ 1
    await writeFile(checkpoint, bytes)
    assert.equal(
      (await fleet.muster(['audit', 'verify', '--bundle', fleet.path('bundle')], offline)).code,
      9,
    )
  })
})
