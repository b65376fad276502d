/**
 * The mirror of a coordinator: syncs repositories one after another or side by side, each
 * repository once at a time, and keeps a record of every sync. It accepts versions; publishing them
 * is publish/'s.
 */
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Healer } from '../content/healer.ts'
import type { UpstreamFiles } from '../content/places.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import { MusterError } from '../../../shared/errors.ts'
import { uuidv7Generator } from '../../../shared/ids.ts'
import type { Logger } from '../../../shared/logger.ts'
import type { Random } from '../../../shared/random.ts'
import type { Database } from '../../database/database.ts'
import { mirrorError } from '../model/errors.ts'
import { refuseUnsupported } from './guards.ts'
import { parseHref } from '../model/href.ts'
import type { FailedFile } from './packages.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import { createSemaphore } from '../../../shared/concurrency/semaphore.ts'
import type { Formats } from '../formats/format.ts'
import { syncRepository } from './sync.ts'
import type { SyncOutcome } from './sync-outcome.ts'
import type { SyncOptions } from './sync-options.ts'
import { baseAddress } from '../upstream/address.ts'
import { openConnection } from '../upstream/connection.ts'
import { loadCredentials } from '../upstream/credentials.ts'
import { createUpstream, type Upstream } from '../upstream/upstream.ts'
import { lastOf } from './last.ts'

export interface MirrorDeps {
  readonly formats: Formats
  readonly database: Database
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Default: what the upstream does not deliver is missing. */
  readonly healer?: Healer
}

/** As `download` in the configuration; times in seconds there too. */
export interface MirrorOptions {
  readonly workers: number
  readonly retries: number
  readonly timeout: number
}

export interface SyncRequest {
  readonly signal: AbortSignal
  readonly onEvent?: OnSyncEvent
  readonly dryRun?: boolean
  /** Accept a revision below the last one. */
  readonly allowRollback?: boolean
  /** Accept the loss of nearly all packages. */
  readonly acceptShrink?: boolean
  /** Id of the sync's record; the operation's, so that recovery finds it. Default: a fresh one. */
  readonly run?: string
}

export type SyncResult =
  | (Omit<SyncOutcome, 'failures'> & {
      readonly run: string
      readonly failures: readonly FailedFile[]
      readonly notices: readonly string[]
    })
  | {
      readonly run: string
      readonly result: 'failed'
      readonly error: MusterError
      readonly failures: readonly FailedFile[]
      readonly notices: readonly string[]
    }

export interface Mirror extends UpstreamFiles {
  /**
   * Never publishes. Rejects for an abort, a repository that is being synced already, and for what
   * is no fault of an upstream.
   */
  sync(repository: RepositoryConfig, request: SyncRequest): Promise<SyncResult>
  /** Whether the upstream has another index than the newest version: one small request. */
  check(repository: RepositoryConfig, signal: AbortSignal): Promise<{ changed: boolean }>
  /**
   * Marks syncs that a dead process left running as failed. Called once at the start, before the
   * first sync. Of several coordinators one may so mark a sync that another still runs; that one
   * corrects its record when it ends.
   */
  recover(): Promise<number>
}

export function createMirror(deps: MirrorDeps, options: MirrorOptions): Mirror {
  const { database, clock } = deps
  const nextId = uuidv7Generator(deps)
  const syncing = new Set<string>()

  const sync = async (config: RepositoryConfig, request: SyncRequest): Promise<SyncResult> => {
    const run = request.run ?? nextId()
    const notices: string[] = []
    const onEvent: OnSyncEvent = (event) => {
      if (event.type === 'notice') notices.push(event.message)
      request.onEvent?.(event)
    }
    const row = {
      id: run,
      repository: config.name,
      started_at: clock.now(),
      finished_at: null,
      result: 'running' as const,
      packages: 0,
      bytes: 0,
      message: null,
    }
    // A dry run syncs nothing, so it is no sync that `repo show` may tell of.
    if (request.dryRun !== true) {
      await ensureRepository(database, config)
      await database.query.insertInto('sync_run').values(row).execute()
    }
    // Crash here: a run that never ends. recover() closes it at the next start.
    const finish = (
      result: 'complete' | 'incomplete' | 'failed',
      counts: { packages: number; bytes: number },
      message: string | null,
    ): Promise<unknown> =>
      database.query
        .updateTable('sync_run')
        .set({ finished_at: clock.now(), result, ...counts, message })
        .where('id', '=', run)
        .execute()
    try {
      const outcome = await withUpstream(deps, config, options, onEvent, (upstreams) => {
        const syncOptions: SyncOptions = {
          ...request,
          onEvent,
          workers: options.workers,
          operation: request.run,
        }
        const format = deps.formats.of(config.name, config.type)
        return syncRepository(
          { ...deps, ...upstreams, format, semaphore: createSemaphore(options.workers) },
          config,
          syncOptions,
        )
      })
      await finish(
        outcome.result,
        { packages: outcome.fetched, bytes: outcome.bytes },
        summary(outcome),
      )
      return { ...outcome, run, notices }
    } catch (error) {
      const message = request.signal.aborted
        ? 'interrupted'
        : error instanceof Error
          ? error.message
          : String(error)
      // A disk that is full for the pool may be full for the database too: the record stays open
      // then, and what went wrong is still told.
      await finish('failed', { packages: 0, bytes: 0 }, message).catch((late: unknown) =>
        deps.log.error(
          { repository: config.name, run, error: late },
          'the end of a sync could not be recorded',
        ),
      )
      request.signal.throwIfAborted()
      if (!(error instanceof MusterError)) throw error
      deps.log.warn({ repository: config.name, run, error }, 'sync failed')
      return { run, result: 'failed', error, failures: [failureOf(error)], notices }
    }
  }

  return {
    async sync(config, request) {
      if (syncing.has(config.name)) throw mirrorError('mirror.running', { repository: config.name })
      syncing.add(config.name)
      try {
        return await sync(config, request)
      } finally {
        syncing.delete(config.name)
      }
    },
    async check(config, signal) {
      const format = deps.formats.of(config.name, config.type)
      const { comparable } = await lastOf(database.query, format, config)
      const found = await withUpstream(
        deps,
        config,
        options,
        () => {},
        ({ upstream }) => format.probe(upstream, comparable, { signal, onEvent: () => {} }),
      )
      return { changed: found !== 'unchanged' }
    },
    async fetchBlob(config, { path, blob, size }, signal) {
      const parsed = parseHref(path)
      if ('reason' in parsed) return
      await withUpstream(
        deps,
        config,
        options,
        () => {},
        async ({ upstream }) => {
          const source = upstream.stream(parsed.href, { size, maxBytes: size, signal })
          await deps.pool.ingest(source, { maxBytes: size, expect: { id: blob, size }, signal })
        },
      )
    },
    async recover() {
      const set = {
        result: 'failed' as const,
        finished_at: clock.now(),
        message: 'the coordinator stopped while it ran',
      }
      const stale = await database.query
        .updateTable('sync_run')
        .set(set)
        .where('result', '=', 'running')
        .executeTakeFirst()
      return Number(stale.numUpdatedRows)
    },
  }
}

async function withUpstream<T>(
  deps: MirrorDeps,
  config: RepositoryConfig,
  options: MirrorOptions,
  onEvent: OnSyncEvent,
  work: (upstreams: { upstream: Upstream; elsewhere: (folder: URL) => Upstream }) => Promise<T>,
): Promise<T> {
  refuseUnsupported(config)
  const base = baseAddress(config.name, config.upstream.url)
  const credentials = await loadCredentials(deps, config.credentials)
  for (const message of credentials.notices) onEvent({ type: 'notice', message })
  onEvent({
    type: 'notice',
    message: 'OpenPGP signatures were not checked; checksums of everything were',
  })
  const idleMs = options.timeout * 1000
  const limits = { connections: options.workers, idleMs }
  await using open = new AsyncDisposableStack()
  const openAt = (address: URL, shown: typeof credentials): Upstream => {
    const connection = openConnection({ base: address, credentials: shown, ...limits })
    open.defer(() => connection.close())
    return createUpstream(
      { ...deps, connection },
      { base: address, retries: options.retries, idleMs },
    )
  }
  return await work({
    upstream: openAt(base, credentials),
    elsewhere: (folder) => openAt(folder, { notices: [] }),
  })
}

/** The first sync of a repository makes its row; later ones find it. */
async function ensureRepository(database: Database, config: RepositoryConfig): Promise<void> {
  await database.query
    .insertInto('repository')
    .values({
      id: config.name,
      type: config.type,
      config_hash: '',
      created_at: database.clock.now(),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}

function failureOf(error: MusterError): FailedFile {
  const { file, url } = error.data
  return { file: String(file ?? url ?? ''), reason: error.message, code: error.code }
}

/** Names shown in a sync's record; all of them are in the result. */
const SHOWN_FAILURES = 20

function summary(outcome: SyncOutcome): string | null {
  if (outcome.result === 'complete') return outcome.upToDate ? 'the upstream is unchanged' : null
  const shown = outcome.failures.slice(0, SHOWN_FAILURES).map((each) => each.reason)
  const more = outcome.failures.length - shown.length + outcome.untried
  return [...shown, ...(more > 0 ? [`and ${more} more files`] : [])].join('; ')
}
