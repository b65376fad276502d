import assert from 'node:assert/strict'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { createFolderDestination } from '../repositories/publish/folder/destination.ts'
import { formats } from '../compose/formats.ts'
import { VERBS, type Verb } from '../../protocols/control/verbs.ts'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { openPool, type Pool } from '../../shared/blobs/pool.ts'
import { repositorySchema } from '../../shared/config/repository.ts'
import { MusterError } from '../../shared/errors.ts'
import { blobId, runId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { TEST_FLEET, TEST_TIME, testKey, testUuid } from '../../shared/testing/statements.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { sql } from 'kysely'
import { ledgerError } from '../audit/errors.ts'
import { auditHandlers } from '../handlers/control/audit.ts'
import { databaseError } from '../database/errors.ts'
import { createDispatch } from '../dispatch/dispatch.ts'
import { createRuns } from '../dispatch/runs.ts'
import { createMirror } from '../repositories/sync/mirror.ts'
import { createPublisher } from '../repositories/publish/publisher.ts'
import { createRepositories } from '../repositories/configured.ts'
import { createSnapshots } from '../repositories/snapshots/snapshots.ts'
import {
  issuer,
  newOperation,
  operator,
  type TestCoordinator,
  testCoordinator,
} from '../testing/coordinator.ts'
import { artifactVerbs } from '../verbs/artifacts.ts'
import { createRepairs } from '../verbs/repairs.ts'
import { repositoryVerbs } from '../verbs/repositories.ts'
import { runVerbs } from '../verbs/runs.ts'
import { snapshotVerbs } from '../verbs/snapshots.ts'
import { CONTENT } from './testing/every-verb.ts'
import { BLOB, type SampleScene, VERB_CASES } from './testing/verb-cases.ts'

interface Everything {
  readonly coordinator: TestCoordinator
  readonly pool: Pool
  /** The attempts to reach a host or an upstream. */
  readonly reached: string[]
  readonly scene: SampleScene
  /** Returns everything that a verb can change, except the log. */
  state(): Promise<unknown>
}

/**
 * Creates a coordinator with the real handler of every verb, and for each verb an intent that it
 * can perform.
 */
async function everything(
  stack: AsyncDisposableStack,
  change: { checkpointFails?: () => boolean } = {},
): Promise<Everything> {
  const coordinator = stack.use(
    await testCoordinator('sqlite', {
      ledger: (ledger) => ({
        ...ledger,
        checkpoint: (signal) =>
          change.checkpointFails?.() === true
            ? Promise.reject(ledgerError('ledger.storage', { path: '/log', reason: 'ENOSPC' }))
            : ledger.checkpoint(signal),
      }),
    }),
  )
  const { database, clock, ledger, access, agents, folder } = coordinator
  const log = recordedLog()
  const pool = await openPool(
    { clock, random: systemRandom, log },
    { folder: join(folder, 'pool') },
  )
  const reached: string[] = []
  const parsed = repositorySchema.parse({
    name: 'today',
    type: 'rpm',
    upstream: { url: 'http://127.0.0.1:9/' },
  })
  const published = join(folder, 'published')
  const repositories = createRepositories([
    {
      ...parsed,
      publish: {
        latest_path: join(published, 'latest'),
        snapshots_path: join(published, 'snapshots'),
      },
      file: 'today.yaml',
    },
  ])
  const mirror = createMirror(
    { formats, database, pool, clock, random: systemRandom, log },
    { workers: 1, retries: 0, timeout: 1 },
  )
  const watched: typeof mirror = {
    ...mirror,
    sync: (...args) => {
      reached.push('upstream')
      return mirror.sync(...args)
    },
  }
  const publisher = createPublisher({
    database,
    pool,
    destination: createFolderDestination({ pool, clock, random: systemRandom }),
    clock,
    log,
  })
  const snapshots = createSnapshots({ database })
  const repairs = createRepairs({ pool, publisher, database, repositories })
  const runs = createRuns({ database })
  const dispatch = createDispatch({
    ledger,
    access,
    agents,
    clock,
    log,
    open: (peer) => {
      reached.push(peer)
      return Promise.reject(new Error('not connected'))
    },
  })
  const handlers = {
    ...artifactVerbs({ pool, database, clock }),
    ...repositoryVerbs({
      repositories,
      mirror: watched,
      publisher,
      snapshots,
      database,
      clock,
      repairs,
    }),
    ...snapshotVerbs({ repositories, snapshots, publisher, repairs }),
    ...runVerbs({ agents, dispatch, runs, clock }),
  }
  const parts = await coordinator.start({ handlers, ledger: () => ledger })

  const [web, waiting, gone] = [
    await coordinator.member('web-1'),
    await coordinator.member('web-2'),
    await coordinator.member('web-3'),
  ]
  await database.query
    .updateTable('agent')
    .set({ status: 'pending' })
    .where('id', 'in', [waiting.id, gone.id])
    .execute()
  const config = { id: 'today', type: 'rpm', config_hash: '00', created_at: 1 }
  await database.query.insertInto('repository').values(config).execute()
  const version = {
    repository: 'today',
    revision: null,
    created_at: 1,
    listing_checksum: null,
    index_checksum: null,
    upstream_etag: null,
  }
  const row = { ...version, upstream_modified: null, packages: 0, bytes: 0, operation: null }
  await database.query.insertInto('repository_version').values(row).execute()
  await snapshots.create({ repository: 'today', name: 'old' })
  await database.transaction((tx) =>
    runs.insert(tx, {
      id: runId.parse(testUuid(1)),
      agent: web.id,
      operation: newOperation(),
      command: ['true'],
      name: undefined,
      actor: operator.fingerprint,
      at: 1,
    }),
  )
  const scene = { web: web.id, waiting: waiting.id, gone: gone.id }
  const state = async (): Promise<unknown> => [
    await coordinator.rows(),
    await database.query.selectFrom('publication').selectAll().execute(),
    await database.query.selectFrom('sync_run').selectAll().execute(),
    await readdir(published, { recursive: true }).catch(() => []),
    await pool.stat(blobId.parse(BLOB)),
  ]
  return { coordinator: { ...coordinator, ...parts }, pool, reached, scene, state }
}

/**
 * Creates folders in place of the files that the next checkpoint writes, so it can't write them.
 * Earlier files can still be read.
 */
async function block(
  folder: string,
  what: 'tiles' | 'checkpoint',
  size: number,
): Promise<() => Promise<void>> {
  const log = join(folder, 'c1')
  const places =
    what === 'checkpoint'
      ? [join(log, 'checkpoint')]
      : Array.from({ length: 8 }, (_, index) =>
          join(log, 'tile', 'entries', '000.p', String(size + 1 + index)),
        )
  if (what === 'checkpoint') await rename(join(log, 'checkpoint'), join(log, 'checkpoint.away'))
  for (const place of places) await mkdir(join(place, 'x'), { recursive: true })
  return async () => {
    for (const place of places) await rm(place, { recursive: true })
    if (what === 'checkpoint') await rename(join(log, 'checkpoint.away'), join(log, 'checkpoint'))
  }
}

/** Checks that all methods that read respond correctly. */
async function reads({ coordinator }: Everything): Promise<void> {
  const { ledger, access, agents, folder } = coordinator
  const ask = auditHandlers({ ledger, access, agents })
  const context = { signal: new AbortController().signal } as never
  const { size, entries } = await ask['audit.log']({ from: 0, count: 1000 }, context)
  assert.equal(entries.length, size)
  const verified = await ask['audit.verify']({}, context)
  assert.equal(verified.size, size)
  assert.match((await ask['audit.prove']({ index: 0 }, context)).checkpoint, /audit/)
  const bundle = join(folder, `bundle-${newOperation()}`)
  assert.equal((await ledger.export(bundle)).size, ledger.published()?.size)
}

async function attempt({ coordinator, scene }: Everything, verb: Verb): Promise<string> {
  const intent = await coordinator.intent(verb, await VERB_CASES[verb].sample(scene))
  const upload = async function* (): AsyncGenerator<Uint8Array> {
    yield CONTENT
  }
  try {
    const { results } = await coordinator.perform(intent, {
      at: coordinator,
      context: { upload: upload() },
    })
    return results[0]?.result ?? 'nothing'
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return error.code
  }
}

it('AL-02: with a frozen log no verb changes anything, and reads work', async () => {
  await using stack = new AsyncDisposableStack()
  const all = await everything(stack)
  const { ledger } = all.coordinator
  // A witness has a checkpoint of a longer log. This proves that the log has lost entries.
  const { note } = await signCheckpoint(issuer, TEST_FLEET, {
    size: 1000,
    root: new Uint8Array(32),
    at: TEST_TIME,
  })
  await assert.rejects(ledger.compareCheckpoint(note), { code: 'ledger.rolled-back' })
  assert.ok(ledger.frozen() !== undefined)
  const before = await all.state()
  const size = (await ledger.head()).size
  for (const verb of Object.keys(VERBS) as Verb[])
    assert.equal(await attempt(all, verb), 'ledger.frozen', verb)
  assert.deepEqual(await all.state(), before)
  assert.deepEqual(all.reached, [])
  assert.equal((await ledger.head()).size, size)
  assert.deepEqual(await ledger.openIntents({ all: true }), [])
  const key = testKey(150)
  const join = { agent: testUuid(9), name: 'late', claims: {}, version: '1' }
  await assert.rejects(all.coordinator.enrolment.join(peerIdOfKey(key.publicKey), join), {
    code: 'ledger.frozen',
  })
  assert.equal((await all.coordinator.agents.list()).length, 3)
  assert.equal((await Array.fromAsync(ledger.entries(0))).length, size)
})

it('AL-02: no verb acts outside of the database if the log cannot be signed', async () => {
  await using stack = new AsyncDisposableStack()
  let full = false
  const all = await everything(stack, { checkpointFails: () => full })
  const outside = (Object.keys(VERBS) as Verb[]).filter((verb) =>
    /^(repo|snapshot|artifact|run)\./.test(verb),
  )
  assert.equal(outside.length, 7)
  const before = await all.state()
  full = true
  for (const verb of outside) assert.equal(await attempt(all, verb), 'ledger.storage', verb)
  assert.deepEqual(all.reached, [])
  assert.deepEqual(await all.coordinator.ledger.openIntents({ all: true }), [])
  // The run has a record, and it never started.
  const run = await all.coordinator.database.query
    .selectFrom('run_record')
    .selectAll()
    .where('id', '=', testUuid(2))
    .executeTakeFirst()
  assert.equal(run?.status, 'failed to start')
  await all.coordinator.database.query
    .deleteFrom('run_record')
    .where('id', '=', testUuid(2))
    .execute()
  assert.deepEqual(await all.state(), before)
})

it('AL-02: with a writable log the same intents change something', async () => {
  await using stack = new AsyncDisposableStack()
  const all = await everything(stack)
  const results: Record<string, string> = {}
  // The revocation comes last, because a revoked host can't be a target.
  const verbs = (Object.keys(VERBS) as Verb[]).sort(
    (a, b) => Number(a.endsWith('.revoke')) - Number(b.endsWith('.revoke')),
  )
  for (const verb of verbs) {
    const before = await all.state()
    results[verb] = await attempt(all, verb)
    if (results[verb] === 'done') assert.notDeepEqual(await all.state(), before, verb)
  }
  const { 'repo.sync': sync, 'run.start': start, 'run.stop': stop, ...rest } = results
  assert.deepEqual([sync, start, stop], ['failed', 'failed', 'failed'])
  assert.equal(all.reached.length, 3)
  assert.deepEqual([...new Set(Object.values(rest))], ['done'], JSON.stringify(rest))
})

for (const what of ['tiles', 'checkpoint'] as const)
  it(`AL-11: changes stop while the log cannot write ${what}, and resume alone`, async () => {
    await using stack = new AsyncDisposableStack()
    const all = await everything(stack)
    const { ledger, folder, agents, database } = all.coordinator
    const unblock = await block(folder, what, (await ledger.head()).size)
    // The first operation is done although it reports an error: its change and its entries were one
    // transaction.
    assert.equal(await attempt(all, 'agent.label'), 'operation.done-unsigned')
    assert.deepEqual((await agents.list())[0]?.labels, { role: 'web' })
    const before = await all.state()
    const { size } = await ledger.head()
    for (const verb of Object.keys(VERBS) as Verb[])
      assert.equal(await attempt(all, verb), 'ledger.storage', verb)
    const join = { agent: testUuid(9), name: 'late', claims: {}, version: '1' }
    await assert.rejects(
      all.coordinator.enrolment.join(peerIdOfKey(testKey(150).publicKey), join),
      { code: 'ledger.storage' },
    )
    assert.deepEqual(await all.state(), before)
    assert.deepEqual(
      [all.reached, (await ledger.head()).size, ledger.frozen()],
      [[], size, undefined],
    )
    await reads(all)
    await unblock()
    assert.equal(await attempt(all, 'enroll.token'), 'done')
    assert.equal(ledger.published()?.size, size + 2)
    const after = await all.coordinator.start()
    assert.deepEqual(
      [after.ledger.frozen(), (await after.ledger.verify()).findings],
      [undefined, []],
    )
    assert.equal((await database.query.selectFrom('enroll_token').selectAll().execute()).length, 1)
  })

it('AL-11: changes stop while the database is full, and resume alone', async () => {
  await using stack = new AsyncDisposableStack()
  const all = await everything(stack)
  const { ledger, database } = all.coordinator
  const pages = async (limit?: number): Promise<void> =>
    void (await sql
      .raw(
        limit === undefined
          ? 'pragma max_page_count = 1073741823'
          : `pragma max_page_count = ${limit}`,
      )
      .execute(database.query))
  // The database can't be limited below the size of its file. Short intents fill the free space in
  // its pages.
  await pages(1)
  for (let full = false; !full; ) {
    const operation = newOperation()
    const signed = await all.coordinator.intent('repo.publish', {
      ...(await VERB_CASES['repo.publish'].sample(all.scene)),
      operation,
    })
    await database
      .transaction((tx) => ledger.append(tx, { type: 'intent', operation, signed }))
      .catch((error: unknown) => {
        full = databaseError.is(error, 'database.full')
        if (!full) throw error
      })
  }
  const before = await all.state()
  const { size } = await ledger.head()
  for (const verb of Object.keys(VERBS) as Verb[])
    assert.equal(await attempt(all, verb), 'database.full', verb)
  assert.deepEqual(await all.state(), before)
  assert.deepEqual(
    [all.reached, (await ledger.head()).size, await ledger.openIntents({ all: true })],
    [[], size, []],
  )
  await reads(all)
  await pages()
  assert.equal(await attempt(all, 'run.start'), 'failed')
  assert.equal(await attempt(all, 'agent.label'), 'done')
  assert.deepEqual((await (await all.coordinator.start()).ledger.verify()).findings, [])
})
