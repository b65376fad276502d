/**
 * Checks that homes of an older version work with this version: the coordinator migrates its
 * database and serves and shows the same data, and agents still have their runs.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { formats } from '../../coordinator/compose/formats.ts'
import { configHash } from '../../coordinator/repositories/versions/config-hash.ts'
import { formatTicket, parseTicket } from '../../protocols/enroll/ticket.ts'
import { loadConfig } from '../../shared/config/load.ts'
import { within } from '../testing/fleet.ts'
import { type OlderHomes, openOlderHomes } from './older-homes.ts'

/** Reads each file below a folder, by its relative path. */
async function filesBelow(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  // The folder is a link. readdir follows only this link.
  const entries = await readdir(`${folder}/`, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map(
    await Promise.all(
      paths.map(async (path) => [relative(folder, path), await readFile(path)] as const),
    ),
  )
}

/**
 * The fields whose values differ at each start: ports, connections, the start of the coordinator.
 */
const PRESENT = new Set([
  'addresses',
  'clockOffsetMs',
  'connected',
  'contact',
  'http',
  'offline',
  'published',
  'stale',
  'startedAt',
  'status',
  'upstream',
  'url',
])

/** Returns the value without those fields. */
function lasting(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lasting)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([key]) => !PRESENT.has(key))
  return Object.fromEntries(entries.map(([key, each]) => [key, lasting(each)]))
}

/** Asserts that the output has all values of the older output, and the same number of rows. */
async function assertShown(homes: OlderHomes, words: string): Promise<void> {
  const [older, today] = [await homes.older(words), await homes.today(words)].map(lasting)
  assert.partialDeepStrictEqual(today, older, words)
  if (Array.isArray(older) && Array.isArray(today)) assert.equal(today.length, older.length, words)
}

test('older homes: a coordinator migrates its database and serves the same bytes', {
  timeout: 240_000,
}, async () => {
  await using homes = await openOlderHomes()
  const trees = ['latest', 'snapshots/first', 'snapshots/second']
  const before = new Map(
    await Promise.all(
      trees.map(
        async (tree) =>
          [tree, await filesBelow(homes.path('coordinator/publish/harbour', tree))] as const,
      ),
    ),
  )
  const coordinator = await homes.coordinator()
  assert.match(await coordinator.log(), /"applied":\["0009-neutral-names".*"database migrated"/)
  let served = 0
  for (const [tree, files] of before)
    for (const [path, bytes] of files) {
      const response = await fetch(`${coordinator.ready[2]}/repos/harbour/${tree}/${path}`)
      assert.equal(response.status, 200, `${tree}/${path}`)
      assert.ok(bytes.equals(Buffer.from(await response.arrayBuffer())), `${tree}/${path}`)
      served += 1
    }
  assert.equal(served, 22)
  // The published folders were not written again, so a web server that serves them has no changes.
  for (const [tree, files] of before)
    assert.deepEqual(await filesBelow(homes.path('coordinator/publish/harbour', tree)), files)
  assert.match(await homes.ok(['pool', 'check']), /12 of 12 blobs hashed .* none is damaged/)
})

test('older homes: commands show the same data as before', { timeout: 240_000 }, async () => {
  await using homes = await openOlderHomes()
  await homes.coordinator()
  for (const words of [
    'agent list',
    'agent show web-1',
    'agent show db-1',
    'facts show web-1',
    'facts show db-1',
    'facts history web-1',
    'package find openssl',
    'package find tide',
    'repo list',
    'repo show --repo-id harbour',
    'snapshot list',
    'snapshot diff --from first --to second',
    'grant list',
    'config show',
  ])
    await assertShown(homes, words)

  // The coordinator was killed after it had logged one more intent. The next entry may be its
  // outcome.
  const before = (await homes.older('audit log')) as object[]
  const log = (await homes.today('audit log')) as object[]
  assert.deepEqual(log.slice(0, before.length), before)
  assert.partialDeepStrictEqual(log[before.length], { type: 'intent', arguments: { name: 'open' } })
  assert.match(await homes.ok(['audit', 'verify']), /^entries +3\d$/m)
  const bundle = await homes.ok(['audit', 'verify', '--bundle', homes.path('bundle')])
  const { log: head } = (await homes.older('status')) as { log: { size: number; root: string } }
  assert.match(bundle, new RegExp(`^entries +${head.size}$[^]*^tree root +${head.root}$`, 'm'))
  const [repository] = ((await homes.today('status')) as { repositories: object[] }).repositories
  assert.partialDeepStrictEqual(repository, {
    result: 'complete',
    served: { version: 1, snapshot: 'first', newest: false },
  })

  // `latest` stays at the snapshot. The next sync fetches no package again.
  const sync = ['repo', 'sync', '--repo-id', 'harbour', '-o', 'json']
  const [synced] = JSON.parse(await homes.ok(sync)) as object[]
  assert.partialDeepStrictEqual(synced, { fetched: 0, unchanged: 3, removed: 0, pinned: 'first' })
})

test('older homes: the configuration of a repository counts as unchanged', async () => {
  await using homes = await openOlderHomes()
  const home = homes.path('coordinator')
  const [{ upstream }] = (await homes.older('repo list')) as [{ upstream: string }]
  const { repositories } = await loadConfig(
    { env: { UPSTREAM: upstream }, uid: process.getuid?.() ?? 0 },
    { file: join(home, 'config.yaml'), home },
  )
  const database = new Sqlite(join(home, 'muster.db'))
  const known = database.prepare('select id, config_hash as hash from repository').all()
  database.close()
  assert.deepEqual(
    known,
    repositories.map((each) => ({
      id: each.name,
      hash: configHash(formats.of(each.name, each.type), each),
    })),
  )
})

test('older homes: accepts tickets and tokens with the older beginning', {
  timeout: 240_000,
}, async () => {
  await using homes = await openOlderHomes()
  await homes.coordinator()
  const contexts = { home: 'nowhere' }
  assert.match(await homes.ok(['context', 'list'], contexts), /^old +yes /m)
  const ticket = (await readFile(homes.path('ticket'), 'utf8')).trim()
  assert.match(ticket, /^muster1-/)
  await homes.ok(['context', 'add', 'again', ticket], contexts)

  // The token has the older secret and the present address.
  const token = parseTicket(await readFile(homes.path('token'), 'utf8'))
  const { addresses } = parseTicket(await homes.ok(['ticket']))
  const old = formatTicket({ ...token, addresses }).replace(/^muster-token1-/, 'muster1-')
  await homes.ok(['agent', 'join', old, '--name', 'new-1'], { home: 'new-1' })
  assert.match(await homes.ok(['agent', 'list']), /^new-1 /m)
  // A token with the older secret works only once, too.
  assert.notEqual((await homes.muster(['agent', 'join', old], { home: 'new-2' })).code, 0)
})

interface RunRow {
  readonly run: string
  readonly name: string | null
  readonly state: string
  readonly status: string
}

test('older homes: agents connect, keep runs and refusals, and settle open operations', {
  timeout: 280_000,
}, async () => {
  await using homes = await openOlderHomes()
  await homes.coordinator()
  // The coordinator's port differs from the older one.
  const ticket = await homes.ok(['ticket'])
  for (const home of ['web-1', 'db-1']) {
    await homes.ok(['agent', 'join', ticket], { home })
    await homes.start(home, ['agent', 'run'])
  }
  const runs = async () =>
    new Map(
      ((await homes.today('process list --all')) as RunRow[]).map((each) => [each.name, each]),
    )
  const settled = await within(async () => {
    const all = await runs()
    return all.get('open')?.state !== 'starting' && all
  }, 'the outcome of the open intent')
  assert.match(settled.get('open')?.status ?? '', /^failed to start: /)
  assert.match(settled.get('refused')?.status ?? '', /^failed to start: the intent expired at /)
  assert.equal(settled.get('three')?.status, 'exited: 3')
  assert.equal(settled.get(null)?.status, 'exited: 0')
  const three = settled.get('three')?.run as string
  assert.equal(await homes.ok(['process', 'output', three]), '3')
  assert.equal((await homes.muster(['process', 'wait', three])).code, 3)
  // The runner has also read its records.
  const local = await homes.ok(['process', 'list', '--all', '--local'], { home: 'web-1' })
  assert.match(local, / exited: 3 .* sh -c echo 3; exit 3$/m)
  assert.match(await homes.ok(['audit', 'verify']), /^open +0$/m)
  assert.equal(await homes.ok(['run', '--on', 'role=db', '--', 'echo', 'today']), 'today')
})
