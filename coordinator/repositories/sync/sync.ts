/**
 * One sync of one repository: repomd.xml, every metadata file, the choice of packages, a plan, the
 * missing ones, and, only if all of it is there and is what the metadata says, one new version.
 * Whatever goes wrong before that leaves the last version as it was; what was fetched stays in the
 * pool and is not fetched again.
 */
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { Sha256 } from '../../../shared/ids.ts'
import type { BlobRecord } from '../model/blob.ts'
import { configHash } from '../versions/config-hash.ts'
import { mirrorError } from '../model/errors.ts'
import { fetchExtras } from '../formats/rpm/extras.ts'
import { refuseRollback, refuseShrink } from './guards.ts'
import { type FetchedRepomd, fetchAllMetadata, fetchRepomd } from '../formats/rpm/listing.ts'
import type { ListedPackage } from '../model/package.ts'
import { REPOMD, readRepomd } from '../formats/rpm/metadata/repomd.ts'
import { primaryPackages } from '../formats/rpm/index-files.ts'
import { type FailedFile, fetchPackages } from './packages.ts'
import { allSettled } from '../../../shared/concurrency/all-settled.ts'
import { checkPaths, planSync } from './plan.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import { healedContent, pooledContent } from './pooled.ts'
import { lackingOf } from '../content/lacking.ts'
import { writeOwnMetadata } from '../formats/rpm/write-index.ts'
import { selectPackages } from '../retention/select.ts'
import type { PooledFile } from '../model/selection.ts'
import type { SyncDeps, SyncOptions } from './sync-options.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { contentsOf, newestVersion, saveVersion } from '../versions/versions.ts'
import {
  kindOf,
  type VersionFile,
  type VersionPackage,
  type VersionRecord,
} from '../model/version.ts'

export interface SyncOutcome {
  readonly result: 'complete' | 'incomplete'
  /** The accepted version; undefined if nothing was accepted (incomplete, dry run). */
  readonly version: number | undefined
  /** True if the upstream has what we have: nothing was done. */
  readonly upToDate: boolean
  /** Packages fetched, or in a dry run: to be fetched. */
  readonly fetched: number
  readonly bytes: number
  readonly unchanged: number
  readonly removed: number
  readonly failures: readonly FailedFile[]
  /** Files that were not tried because the upstream had stopped answering. */
  readonly untried: number
}

/**
 * Throws what made the whole sync fail; single packages that can't be had are in the outcome. An
 * upstream that was updated under our hands (RS-16: what its old repomd.xml lists is gone) is
 * synced once more, from its new one.
 */
export async function syncRepository(
  deps: SyncDeps,
  config: RepositoryConfig,
  options: SyncOptions,
): Promise<SyncOutcome> {
  const seen: Seen = { repomd: undefined }
  try {
    const outcome = await attempt(deps, config, options, seen)
    if (outcome.result === 'complete' || !(await hasMoved(deps.upstream, seen, options)))
      return outcome
  } catch (error) {
    options.signal.throwIfAborted()
    const cured = mirrorError.is(error, 'mirror.missing') || mirrorError.is(error, 'mirror.digest')
    if (!cured || !(await hasMoved(deps.upstream, seen, options))) throw error
  }
  options.onEvent({
    type: 'notice',
    message: `the upstream was updated during the sync; starting again`,
  })
  return attempt(deps, config, options, seen)
}

/** What an attempt got before it failed. */
interface Seen {
  repomd: Sha256 | undefined
}

/**
 * Whether the upstream has another repomd.xml now. One that can't be asked any more has not: what
 * it failed with before is the news.
 */
async function hasMoved(upstream: Upstream, seen: Seen, options: SyncOptions): Promise<boolean> {
  if (seen.repomd === undefined) return false
  try {
    const now = await fetchRepomd(upstream, undefined, options)
    return now !== 'unchanged' && now.sha256 !== seen.repomd
  } catch (error) {
    options.signal.throwIfAborted()
    if (mirrorError.is(error)) return false
    throw error
  }
}

async function attempt(
  deps: SyncDeps,
  config: RepositoryConfig,
  options: SyncOptions,
  seen: Seen,
): Promise<SyncOutcome> {
  const { database } = deps
  const { signal, onEvent } = options
  const configured = configHash(config)
  const repository = await database.query
    .selectFrom('repository')
    .select('config_hash')
    .where('id', '=', config.name)
    .executeTakeFirst()
  const last = await newestVersion(database.query, config.name)
  // A version made under another configuration says nothing about what this one wants of the same
  // upstream.
  const comparable = repository?.config_hash === configured ? last : undefined
  onEvent({ type: 'phase', phase: 'metadata' })
  let fetched = await fetchRepomd(deps.upstream, comparable, options)
  if (fetched === 'unchanged') {
    const lacking = await lackingOf(deps, (last as VersionRecord).id, signal)
    if (lacking.length === 0) return upToDate(last as VersionRecord)
    const names = namedFiles(lacking.map(({ path }) => path))
    onEvent({
      type: 'notice',
      message: `the pool has lost files of the last version, or they are damaged; they are fetched again: ${names}`,
    })
    fetched = (await fetchRepomd(deps.upstream, undefined, options)) as FetchedRepomd
  }
  seen.repomd = fetched.sha256
  const repomd = readRepomd(fetched.file.bytes)
  if (options.allowRollback !== true) refuseRollback(config.name, last?.revision, repomd.revision)

  const [{ files, primary, fetched: metadata }, extras] = await allSettled(
    fetchAllMetadata(deps, repomd, options),
    fetchExtras(deps, config, fetched, options),
  )
  const listed: ListedPackage[] = []
  for await (const each of primaryPackages(deps, primary, signal)) listed.push(each)
  const chosen = {
    listed,
    files: [...files, ...extras].map(pooledFile),
    last: last?.id,
    acceptShrink: options.acceptShrink === true,
  }
  const lookups = {
    query: database.query,
    pool: deps.pool,
    pooled: (each: readonly ListedPackage[]) => healedContent(deps, each, signal),
  }
  const selection = await selectPackages(lookups, config.retention, chosen, signal)
  for (const message of selection.notices) onEvent({ type: 'notice', message })
  if (selection.lost.length > 0 && options.acceptShrink !== true) return incomplete(selection.lost)
  // Under another configuration the last version has another share of the upstream's packages.
  const remaining = comparable === undefined ? listed.length : selection.packages.length
  if (options.acceptShrink !== true) refuseShrink(config.name, last?.packages ?? 0, remaining)

  const { found: known, lost } = await pooledContent(deps, selection.packages, signal)
  const pooled = new Map([...known].map(([key, blob]) => [key, blob.id]))
  const previous =
    last === undefined ? new Set<ChecksumKey>() : await contentsOf(database.query, last.id)
  const plan = planSync({ listed: selection.packages, pooled, previous }, primary.record.href)
  checkPaths(
    [
      ...plan.packages.map((each) => each.href),
      ...files.map((each) => each.path),
      ...extras.map((each) => each.path),
    ],
    REPOMD,
  )
  onEvent({
    type: 'total',
    files: metadata.files + plan.fetch.length,
    bytes: metadata.bytes + plan.bytes,
  })
  const counts = { unchanged: plan.unchanged, removed: plan.removed }
  if (options.dryRun === true) {
    const nothing = { version: undefined, upToDate: false, failures: [], untried: 0 }
    return {
      result: 'complete',
      fetched: plan.fetch.length,
      bytes: plan.bytes,
      ...counts,
      ...nothing,
    }
  }

  onEvent({ type: 'phase', phase: 'packages' })
  const downloads = await fetchPackages(deps, plan.fetch, { ...options, lost })
  const got = { fetched: downloads.got.size, bytes: downloads.bytes, ...counts, upToDate: false }
  if (downloads.failures.length > 0 || downloads.untried > 0)
    return {
      ...got,
      result: 'incomplete',
      version: undefined,
      failures: downloads.failures,
      untried: downloads.untried,
    }

  onEvent({ type: 'phase', phase: 'saving' })
  const packages = plan.packages.map((each): VersionPackage => {
    const blob = (downloads.got.get(checksumKey(each.checksum)) ??
      known.get(checksumKey(each.checksum))) as BlobRecord
    return { ...each, blob: blob.id, sha256: blob.sha256 }
  })
  const input = { selection, listed, repomd, files }
  const own = selection.asListed ? undefined : await writeOwnMetadata(deps, input, signal)
  const version = await saveVersion(
    database,
    {
      repository: config.name,
      configHash: configured,
      revision: repomd.revision,
      repomdSha256: fetched.sha256,
      primaryChecksum: primary.record.checksum.value,
      etag: fetched.file.etag,
      lastModified: fetched.file.lastModified,
      operation: options.operation,
      after: last?.id ?? null,
      packages,
      files:
        own === undefined
          ? [...files, ...extras]
          : [...own, ...extras.filter((each) => kindOf(each.type) === 'key-file')],
    },
    { signal },
  )
  // Crash here: the version is there and not published. Publishing is the next step of whoever
  // asked, and of the next sync.
  return { ...got, result: 'complete', version, failures: [], untried: 0 }
}

/** Names in one notice; the rest is counted. */
const MAX_NAMED = 20

function namedFiles(paths: readonly string[]): string {
  const more = paths.length - MAX_NAMED
  return `${paths.slice(0, MAX_NAMED).join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}

/**
 * What is to be kept although the upstream dropped it, and can't be had from anywhere: a person
 * decides.
 */
function incomplete(lost: readonly ListedPackage[]): SyncOutcome {
  const failures = lost.map(({ href }) => {
    const error = mirrorError('mirror.lost', { file: href })
    return { file: href, reason: error.message, code: error.code }
  })
  const nothing = { version: undefined, upToDate: false, fetched: 0, bytes: 0, untried: 0 }
  return { result: 'incomplete', unchanged: 0, removed: 0, failures, ...nothing }
}

function pooledFile({ type, path, id }: VersionFile): PooledFile {
  return { type, path, blob: id }
}

function upToDate(last: VersionRecord): SyncOutcome {
  const nothing = { fetched: 0, bytes: 0, removed: 0, failures: [], untried: 0 }
  return {
    result: 'complete',
    version: last.id,
    upToDate: true,
    unchanged: last.packages,
    ...nothing,
  }
}
