/**
 * Creates a coordinator with the real handler of every verb, and a real upstream, pool and publish
 * folder. `start` creates new parts, like a restart or a second coordinator. A journal of performed
 * operations replaces the hosts.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createFolderDestination } from '../../repositories/publish/folder/destination.ts'
import { formats } from '../../compose/formats.ts'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { resolveInFolder } from '../../../node/http/folder.ts'
import { respond } from '../../../node/http/respond.ts'
import type { ArgumentsOf, Verb } from '../../../protocols/control/verbs.ts'
import { openPool, type Pool } from '../../../shared/blobs/pool.ts'
import { type RepositoryConfig, repositorySchema } from '../../../shared/config/repository.ts'
import { MusterError } from '../../../shared/errors.ts'
import type { OperationId } from '../../../shared/ids.ts'
import { systemRandom } from '../../../shared/random.ts'
import { ledgerError } from '../../audit/errors.ts'
import type { Dialect } from '../../database/schema/columns.ts'
import { databaseError } from '../../database/errors.ts'
import type { Dispatch } from '../../dispatch/dispatch.ts'
import { createRuns } from '../../dispatch/runs.ts'
import { createMirror } from '../../repositories/sync/mirror.ts'
import { silentLog, testPackages } from '../../repositories/sync/testing.ts'
import { testServer } from '../../repositories/upstream/testing.ts'
import { knownPublications } from '../../repositories/publish/known-publications.ts'
import { createPublisher, type Publisher } from '../../repositories/publish/publisher.ts'
import { createRepositories } from '../../repositories/configured.ts'
import { createSnapshots, type Snapshots } from '../../repositories/snapshots/snapshots.ts'
import {
  type CoordinatorParts,
  newOperation,
  type TestCoordinator,
  testCoordinator,
} from '../../testing/coordinator.ts'
import type { VerbHandlers } from '../operation.ts'
import { done } from '../../outcomes/result.ts'
import { artifactVerbs } from '../../verbs/artifacts.ts'
import { createRepairs } from '../../verbs/repairs.ts'
import { repositoryVerbs } from '../../verbs/repositories.ts'
import { runVerbs } from '../../verbs/runs.ts'
import { snapshotVerbs } from '../../verbs/snapshots.ts'

export const CONTENT = Buffer.from('hello')

export interface NewIntent<V extends Verb = Verb> {
  readonly verb: V
  readonly targets?: readonly string[]
  readonly arguments: ArgumentsOf<V>
}

/** Faults that keep this coordinator's outcomes out of the log. */
export interface Faults {
  /** True: the transaction with the outcome of a verb that acts outside of the database fails. */
  outcomes: boolean
  /** True: every checkpoint fails. */
  checkpoints: boolean
}

export interface StartOptions {
  readonly name?: string
  /** `publish.latest_path` of the configuration. */
  readonly latest?: string
  readonly retention?: Partial<RepositoryConfig['retention']>
}

export interface Started extends CoordinatorParts {
  readonly faults: Faults
  readonly publisher: Publisher
  readonly snapshots: Snapshots
  /** Performs the operation. Returns its results, or the code of the error that ended it. */
  perform(wanted: NewIntent, operation?: OperationId): Promise<string>
  /** Performs the operation. Returns the outcome's detail. */
  detail(wanted: NewIntent): Promise<Readonly<Record<string, unknown>>>
}

export interface EveryVerb extends AsyncDisposable {
  readonly coordinator: TestCoordinator
  readonly pool: Pool
  /** Called for each request to the upstream, before the response. */
  asked: (path: string) => Promise<void>
  /** Replaces the upstream's content with packages of the given version. */
  upstream(version: string): Promise<void>
  start(options?: StartOptions): Promise<Started>
  /** Returns the digest of the repomd.xml that `latest` and each snapshot serve. */
  served(): Promise<Record<string, string>>
  /** Returns everything that operations change, except the log. */
  state(): Promise<unknown>
  /** Returns the intents (`verb`) and outcomes (`verb: result`) in the log, in order. */
  logged(): Promise<string[]>
  /** Returns the logged results of one operation. */
  outcomesOf(operation: OperationId): Promise<string[]>
}

export async function everyVerb(dialect: Dialect): Promise<EveryVerb> {
  await using stack = new AsyncDisposableStack()
  const coordinator = stack.use(await testCoordinator(dialect))
  const { folder, clock } = coordinator
  const upstream = join(folder, 'upstream')
  const published = join(folder, 'published')
  await mkdir(upstream)
  const hook = { asked: async (_path: string): Promise<void> => undefined }
  const server = stack.use(
    await testServer(async (request, response) => {
      await hook.asked(request.url ?? '')
      await respond(
        { log: silentLog, resolve: (segments) => resolveInFolder(upstream, segments) },
        request,
        response,
      )
    }),
  )
  const parts = { clock, random: systemRandom, log: silentLog }
  const pool = await openPool(parts, { folder: join(folder, 'pool') })
  const parsed = repositorySchema.parse({
    name: 'el9',
    type: 'rpm',
    upstream: { url: server.url },
  })
  // The operations that hosts performed. Hosts outlive the coordinator.
  const journal = new Set<OperationId>()
  const dispatch: Dispatch = {
    deliver: async (operation) => {
      journal.add(operation.id)
      return operation.targets.map((target) => done(target))
    },
    probe: async (operation) =>
      operation.targets.map((target) =>
        journal.has(operation.id) ? done(target) : { target, result: 'refused', detail: {} },
      ),
    witness: () => Promise.reject(new Error('no host connects here')),
    connect: () => Promise.reject(new Error('no host connects here')),
  }

  const start = async (options: StartOptions = {}): Promise<Started> => {
    const faults: Faults = { outcomes: false, checkpoints: false }
    const { database, agents } = coordinator
    const repositories = createRepositories([
      {
        ...parsed,
        retention: { ...parsed.retention, ...options.retention },
        publish: {
          latest_path: options.latest ?? join(published, 'latest'),
          snapshots_path: join(published, 'snapshots'),
        },
        file: 'el9.yaml',
      },
    ])
    const mirror = createMirror(
      { formats, database, pool, ...parts },
      { workers: 2, retries: 0, timeout: 5 },
    )
    const publisher = createPublisher({
      database,
      pool,
      destination: createFolderDestination({ pool, ...parts }),
      ...parts,
    })
    const snapshots = createSnapshots({ database })
    const repairs = createRepairs({ pool, publisher, database, repositories })
    const runs = createRuns({ database })
    const handlers: Partial<VerbHandlers> = {
      ...artifactVerbs({ pool, database, clock }),
      ...repositoryVerbs({ repositories, mirror, publisher, snapshots, database, clock, repairs }),
      ...snapshotVerbs({ repositories, snapshots, publisher, repairs }),
      ...runVerbs({ agents, dispatch, runs, clock }),
    }
    await mirror.recover()
    const { known } = await knownPublications(database, repositories)
    await publisher.recover(known, new AbortController().signal)
    const made = await coordinator.start({
      ...(options.name === undefined ? {} : { name: options.name }),
      handlers,
      ledger: (ledger) => ({
        ...ledger,
        closeIntent: (tx, operation) =>
          faults.outcomes
            ? Promise.reject(databaseError('database.full', { database: 'muster.db' }))
            : ledger.closeIntent(tx, operation),
        checkpoint: (signal) =>
          faults.checkpoints
            ? Promise.reject(ledgerError('ledger.storage', { path: '/log', reason: 'ENOSPC' }))
            : ledger.checkpoint(signal),
      }),
    })
    const send = async (wanted: NewIntent, operation: OperationId) => {
      const { verb, targets = [], arguments: given } = wanted
      const intent = await coordinator.intent(verb, { operation, targets, arguments: given })
      const upload = async function* (): AsyncGenerator<Uint8Array> {
        yield CONTENT
      }
      return coordinator.perform(intent, { at: made, context: { upload: upload() } })
    }
    const perform = async (wanted: NewIntent, operation = newOperation()): Promise<string> => {
      try {
        const { results } = await send(wanted, operation)
        return results
          .map((row) => (row.error === undefined ? row.result : row.error.code))
          .join(' ')
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return error.code
      }
    }
    const detail = async (wanted: NewIntent) => {
      const [row] = (await send(wanted, newOperation())).results
      assert.equal(row?.result, 'done', JSON.stringify(row?.error))
      return row?.detail ?? {}
    }
    return { ...made, faults, publisher, snapshots, perform, detail }
  }

  const served = async (): Promise<Record<string, string>> => {
    const found: Record<string, string> = {}
    for (const below of ['.', 'snapshots']) {
      const names = await readdir(join(published, below)).catch(() => [])
      for (const name of names.filter((each) => each !== '.gen' && each !== 'snapshots')) {
        const path = join(published, below, name)
        await readlink(path)
        const bytes = await readFile(join(path, 'repodata/repomd.xml'))
        found[name] = createHash('sha256').update(bytes).digest('hex').slice(0, 8)
      }
    }
    return found
  }

  const owned = stack.move()
  return {
    coordinator,
    pool,
    get asked() {
      return hook.asked
    },
    set asked(asked) {
      hook.asked = asked
    },
    upstream: async (version) =>
      void (await writeRepository(upstream, testPackages(1 + Number(version), version), {
        revision: 1_700_000_000 + Number(version),
      })),
    start,
    served,
    async state() {
      const rows = (await coordinator.rows()) as [string, unknown][]
      const targets = await coordinator.database.query
        .selectFrom('publication')
        .select(['target', 'version'])
        .orderBy('target')
        .execute()
      return [
        await served(),
        targets,
        [...journal].sort(),
        rows.filter(([table]) => table !== 'open_intent'),
      ]
    },
    logged: async () =>
      (await coordinator.entries())
        .slice(1)
        .map(({ statement: { verb, result } }) =>
          result === undefined ? String(verb) : `${String(verb)}: ${String(result)}`,
        ),
    outcomesOf: async (operation) =>
      (await coordinator.entries())
        .filter(({ entry }) => entry.operation === operation && entry.type === 'outcome')
        .map(({ statement }) => String(statement['result'])),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
