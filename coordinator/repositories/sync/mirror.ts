/**
 * The mirror of a coordinator. It runs at most one sync of each repository at a time, and records
 * every sync. It accepts versions. publish/ publishes them.
 */
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Clock } from '../../../shared/clock.ts'
import { createSemaphore } from '../../../shared/concurrency/semaphore.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import { MusterError } from '../../../shared/errors.ts'
import { uuidv7Generator } from '../../../shared/ids.ts'
import type { Logger } from '../../../shared/logger.ts'
import type { Random } from '../../../shared/random.ts'
import type { Database } from '../../database/database.ts'
import type { Healer } from '../content/healer.ts'
import type { UpstreamFiles } from '../content/places.ts'
import type { Formats } from '../formats/format.ts'
import { mirrorError } from '../model/errors.ts'
import { parseHref } from '../model/href.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import { type TransferOptions, type Upstreams, withUpstream } from '../upstream/with-upstream.ts'
import { refuseUnsupported } from './guards.ts'
import { lastOf } from './last.ts'
import type { FailedFile } from './package-queue.ts'
import { syncRepository } from './sync.ts'
import type { SyncOutcome } from './sync-outcome.ts'
import { closeOpenRecords, closeRecord, openRecord } from './sync-record.ts'

export interface MirrorDeps {
  readonly formats: Formats
  readonly database: Database
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** If absent, content that the upstream doesn't deliver stays missing. */
  readonly healer?: Healer
}

export interface SyncRequest {
  readonly signal: AbortSignal
  readonly onEvent?: OnSyncEvent
  readonly dryRun?: boolean
  /** Accept a lower revision than the last one. */
  readonly allowRollback?: boolean
  /** Accept the loss of nearly all packages. */
  readonly acceptShrink?: boolean
  /** The id of the operation and of the record. Recovery finds the record by it. Default: new. */
  readonly run?: string
}

interface Reported {
  readonly run: string
  readonly failures: readonly FailedFile[]
  readonly notices: readonly string[]
}
export type SyncResult =
  | (SyncOutcome & Reported)
  | (Reported & { readonly result: 'failed'; readonly error: MusterError })

export interface Mirror extends UpstreamFiles {
  /**
   * Syncs a repository and never publishes. The result contains the failure of an upstream.
   * @throws mirror.running, the signal's reason, errors that no upstream caused
   */
  sync(repository: RepositoryConfig, request: SyncRequest): Promise<SyncResult>
  /** Checks whether the upstream's index differs from the newest version. One small request. */
  check(repository: RepositoryConfig, signal: AbortSignal): Promise<{ changed: boolean }>
  /**
   * Marks syncs of ended processes as failed. Called at the start, before the first sync. If
   * another coordinator still runs such a sync, its end corrects the record.
   */
  recover(): Promise<number>
}

export function createMirror(deps: MirrorDeps, options: TransferOptions): Mirror {
  const nextId = uuidv7Generator(deps)
  const syncing = new Set<string>()
  const quietly = <T>(
    config: RepositoryConfig,
    work: (upstreams: Upstreams) => Promise<T>,
  ): Promise<T> => {
    refuseUnsupported(config)
    return withUpstream(deps, config, { ...options, onEvent: ignoreEvent }, work)
  }

  return {
    async sync(config, request) {
      if (syncing.has(config.name)) throw mirrorError('mirror.running', { repository: config.name })
      syncing.add(config.name)
      try {
        return await recordedSync(deps, options, config, {
          ...request,
          id: request.run ?? nextId(),
        })
      } finally {
        syncing.delete(config.name)
      }
    },
    async check(config, signal) {
      const format = deps.formats.of(config.name, config.type)
      const { comparable } = await lastOf(deps.database.query, format, config)
      const found = await quietly(config, ({ upstream }) =>
        format.probe(upstream, comparable, { signal, onEvent: ignoreEvent }),
      )
      return { changed: found !== 'unchanged' }
    },
    async fetchBlob(config, { path, blob, size }, signal) {
      const parsed = parseHref(path)
      if ('reason' in parsed) return
      await quietly(config, async ({ upstream }) => {
        const source = upstream.stream(parsed.href, { size, maxBytes: size, signal })
        await deps.pool.ingest(source, { maxBytes: size, expect: { id: blob, size }, signal })
      })
    },
    recover: () => closeOpenRecords(deps.database),
  }
}

function ignoreEvent(): void {}

/** Runs a sync and records it. A dry run changes nothing, so it has no record. */
async function recordedSync(
  deps: MirrorDeps,
  options: TransferOptions,
  config: RepositoryConfig,
  request: SyncRequest & { readonly id: string },
): Promise<SyncResult> {
  const { database, log } = deps
  const { id } = request
  const notices: string[] = []
  const onEvent: OnSyncEvent = (event) => {
    if (event.type === 'notice') notices.push(event.message)
    request.onEvent?.(event)
  }
  if (request.dryRun !== true) {
    await ensureRepository(database, config)
    await openRecord(database, { id, repository: config.name })
  }
  try {
    const outcome = await syncUpstream(deps, options, config, { ...request, onEvent })
    const { result, fetched: packages, bytes } = outcome
    await closeRecord(database, id, { result, packages, bytes, message: summary(outcome) })
    return { ...outcome, run: id, notices }
  } catch (error) {
    const message = request.signal.aborted ? 'interrupted' : messageOf(error)
    const ended = { result: 'failed', packages: 0, bytes: 0, message } as const
    // The disk of the database may be full too. Then the record stays open, and the sync's own
    // error is still reported.
    await closeRecord(database, id, ended).catch((late: unknown) =>
      log.error(
        { repository: config.name, run: id, error: late },
        'the end of a sync could not be recorded',
      ),
    )
    request.signal.throwIfAborted()
    if (!(error instanceof MusterError)) throw error
    log.warn({ repository: config.name, run: id, error }, 'sync failed')
    return { run: id, result: 'failed', error, failures: [failureOf(error)], notices }
  }
}

async function syncUpstream(
  deps: MirrorDeps,
  options: TransferOptions,
  config: RepositoryConfig,
  request: SyncRequest & { readonly onEvent: OnSyncEvent },
): Promise<SyncOutcome> {
  const { onEvent } = request
  const { workers } = options
  refuseUnsupported(config)
  return withUpstream(deps, config, { ...options, onEvent }, (upstreams) => {
    onEvent({
      type: 'notice',
      message: 'all checksums were checked; OpenPGP signatures were not checked',
    })
    const format = deps.formats.of(config.name, config.type)
    return syncRepository(
      { ...deps, ...upstreams, format, semaphore: createSemaphore(workers) },
      config,
      { ...request, workers, operation: request.run },
    )
  })
}

/** Writes the row of the repository at its first sync. */
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function failureOf(error: MusterError): FailedFile {
  const { file, url } = error.data
  return { file: String(file ?? url ?? ''), reason: error.message, code: error.code }
}

/** The limit of failures in a sync's record. The result contains all of them. */
const SHOWN_FAILURES = 20

function summary(outcome: SyncOutcome): string | null {
  if (outcome.result === 'complete') return outcome.upToDate ? 'the upstream is unchanged' : null
  const shown = outcome.failures.slice(0, SHOWN_FAILURES).map((each) => each.reason)
  const more = outcome.failures.length - shown.length + outcome.untried
  return [...shown, ...(more > 0 ? [`and ${more} more files`] : [])].join('; ')
}
