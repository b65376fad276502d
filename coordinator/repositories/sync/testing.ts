/**
 * A mirror for tests with real parts: an upstream on loopback that serves a folder, a pool, a
 * database and a publish folder.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PublishDestination } from '../publish/destination.ts'
import { createFolderDestination } from '../publish/folder/destination.ts'
import type { PackageSpec } from '../../../fixtures/rpm/spec.ts'
import { resolveInFolder } from '../../../node/http/folder.ts'
import { respond } from '../../../node/http/respond.ts'
import { type Disk, systemDisk } from '../../../shared/blobs/disk.ts'
import { blobError } from '../../../shared/blobs/errors.ts'
import { openPool, type Pool } from '../../../shared/blobs/pool.ts'
import { type Clock, systemClock } from '../../../shared/clock.ts'
import { type RepositoryConfig, repositorySchema } from '../../../shared/config/repository.ts'
import type { MusterError } from '../../../shared/errors.ts'
import type { Logger } from '../../../shared/logger.ts'
import { systemRandom } from '../../../shared/random.ts'
import { formats } from '../../compose/formats.ts'
import type { Formats } from '../formats/format.ts'
import { createHealer, type Healer } from '../content/healer.ts'
import { readManifest } from '../content/manifest.ts'
import { fetchFromUpstream } from '../content/places.ts'
import type { Dialect } from '../../database/schema/columns.ts'
import type { Database } from '../../database/database.ts'
import { testDatabase } from '../../database/testing.ts'
import { createPublisher, type Publisher } from '../publish/publisher.ts'
import { createRepositories } from '../configured.ts'
import { createMirror, type Mirror, type SyncRequest, type SyncResult } from './mirror.ts'
import type { SyncEvent } from '../model/progress.ts'
import { type TestServer, testServer } from '../upstream/testing.ts'

export const silentLog: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
}

/** Responds in place of the folder. If it returns false, the folder's file is sent. */
export type Fault = (
  request: IncomingMessage,
  response: ServerResponse,
  nth: number,
) => boolean | Promise<boolean>

export interface TestMirror extends AsyncDisposable {
  /** The folder that the upstream serves. */
  readonly upstream: string
  readonly server: TestServer
  /** Returns the decoded paths of the requests since the last call, without the leading slash. */
  asked(): string[]
  fault: Fault | undefined
  /** Replaces the pools of all agents. Used with `heal`. */
  readonly agents: { pool: Pool | undefined }
  readonly folder: string
  readonly database: Database
  readonly pool: Pool
  readonly mirror: Mirror
  readonly destination: PublishDestination
  readonly publisher: Publisher
  config(overrides?: Record<string, unknown>): RepositoryConfig
  /** Events of the last sync are in `events`. */
  sync(request?: Partial<SyncRequest>, config?: RepositoryConfig): Promise<SyncResult>
  readonly events: SyncEvent[]
}

/** Each wait before a retry takes a tenth of a millisecond. */
export const hurriedClock: Clock = {
  ...systemClock,
  sleep: (_ms, signal) => systemClock.sleep(0.1, signal),
}

export async function testMirror(
  options: {
    dialect?: Dialect
    workers?: number
    retries?: number
    clock?: Clock
    disk?: Disk
    /**
     * Fetch lost content again, from `agents` and then from the upstream, like a coordinator.
     */
    heal?: boolean
    formats?: Formats
    /** The type of the repository; default: rpm. */
    type?: string
  } = {},
): Promise<TestMirror> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'muster-mirror-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const upstream = join(folder, 'upstream')
  await mkdir(upstream)
  const clock = options.clock ?? hurriedClock
  const { database } = stack.use(await testDatabase(options.dialect ?? 'sqlite', clock))
  const disk = options.disk ?? systemDisk
  const pool = await openPool(
    { clock, random: systemRandom, disk },
    { folder: join(folder, 'pool') },
  )
  const healing = healerSetLater()
  const healer = options.heal === true ? { healer: healing.healer } : {}
  const destination = createFolderDestination({ pool, clock, random: systemRandom })
  const deps = {
    formats: options.formats ?? formats,
    destination,
    database,
    pool,
    clock,
    random: systemRandom,
    log: silentLog,
    ...healer,
  }
  const agents: { pool: Pool | undefined } = { pool: undefined }
  const faults: { fault: Fault | undefined } = { fault: undefined }
  const server = stack.use(
    await testServer(async (request, response, nth) => {
      if ((await faults.fault?.(request, response, nth)) === true) return
      await respond(
        { log: silentLog, resolve: (segments) => resolveInFolder(upstream, segments) },
        request,
        response,
      )
    }),
  )
  let seen = 0
  const events: SyncEvent[] = []
  const mirror = createMirror(deps, {
    workers: options.workers ?? 10,
    retries: options.retries ?? 3,
    timeout: 5,
  })
  const config = (overrides: Record<string, unknown> = {}): RepositoryConfig => {
    const parsed = repositorySchema.parse({
      name: 'repo',
      type: 'rpm',
      upstream: { url: server.url },
      ...overrides,
    })
    const published = join(folder, 'publish', parsed.name)
    return {
      ...parsed,
      type: options.type ?? parsed.type,
      publish: {
        latest_path: join(published, 'latest'),
        snapshots_path: join(published, 'snapshots'),
      },
      file: 'repo.yaml',
    }
  }
  const repositories = createRepositories([config()])
  healing.set(
    createHealer({
      pool,
      log: silentLog,
      fetch: {
        agent: async ({ blob, size }, signal) => {
          if ((await agents.pool?.stat(blob)) === undefined)
            throw blobError('blob.unknown', { id: blob })
          const content = (agents.pool as Pool).read(blob)
          await pool.ingest(content, { maxBytes: size, expect: { id: blob, size }, signal })
        },
        upstream: (lost, signal) =>
          fetchFromUpstream({ database, repositories, mirror }, lost, signal),
      },
    }),
  )
  const owned = stack.move()
  return {
    upstream,
    server,
    asked() {
      const paths = server.asked.slice(seen).map(({ path }) => decodeURIComponent(path).slice(1))
      seen = server.asked.length
      return paths
    },
    get fault() {
      return faults.fault
    },
    set fault(fault) {
      faults.fault = fault
    },
    agents,
    folder,
    database,
    pool,
    mirror,
    destination,
    publisher: createPublisher(deps),
    config,
    events,
    sync(request = {}, repository = config()) {
      events.length = 0
      return mirror.sync(repository, {
        signal: new AbortController().signal,
        onEvent: (event) => void events.push(event),
        ...request,
      })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Returns small packages with different names. Another version has other content. */
export const testPackages = (count: number, version = '1.0'): PackageSpec[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `pkg${index}`,
    version,
    release: '1',
    files: [{ path: `/usr/share/p${index}`, content: `${index} ${version}` }],
  }))

/** Returns the bytes of a version's file; undefined if it has no file at this path. */
export async function bytesAt(
  mirror: TestMirror,
  version: number | undefined,
  path: string,
): Promise<Buffer | undefined> {
  const file = (await readManifest(mirror.database.query, version as number)).find(
    (each) => each.path === path,
  )
  return file === undefined ? undefined : readFile(mirror.pool.path(file.blob))
}

/** Returns the result of a complete sync. Fails for any other result. */
export function complete(result: SyncResult) {
  if (result.result === 'failed') throw result.error
  assert.equal(result.result, 'complete', JSON.stringify(result.failures))
  return result
}

/** Returns the error of a failed sync. Fails for any other result. */
export function failed(result: SyncResult): MusterError {
  if (result.result !== 'failed')
    throw new assert.AssertionError({ message: `the sync was ${result.result}` })
  return result.error
}

/** Returns a healer that is set later, because the real one needs the mirror's repositories. */
function healerSetLater(): { readonly healer: Healer; set(healer: Healer): void } {
  const real = Promise.withResolvers<Healer>()
  return {
    healer: { heal: async (...asked) => (await real.promise).heal(...asked) },
    set: real.resolve,
  }
}
