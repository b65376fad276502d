/**
 * One sync of one repository. It reads the index, selects packages, makes a plan and fetches the
 * missing packages. It accepts one new version if all content is there and matches the index. A
 * failure leaves the last version as it was. The pool keeps the fetched content for the next sync.
 */
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { Sha256 } from '../../../shared/ids.ts'
import { lackingOf } from '../content/lacking.ts'
import type { FetchedIndex, Probe } from '../formats/format.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import { mirrorError } from '../model/errors.ts'
import type { ListedPackage } from '../model/package.ts'
import type { Selection } from '../model/selection.ts'
import type { VersionPackage, VersionRecord } from '../model/version.ts'
import { selectPackages } from '../retention/select.ts'
import { configHash } from '../versions/config-hash.ts'
import { saveVersion } from '../versions/save-version.ts'
import { contentsOf } from '../versions/versions.ts'
import { refuseRollback, refuseShrink } from './guards.ts'
import { type Last, lastOf } from './last.ts'
import { fetchPackages, type PackageDownloads } from './packages.ts'
import { checkPaths, type Plan, planSync } from './plan.ts'
import { healedContent, type PooledContent, pooledContent } from './pooled.ts'
import type { SyncDeps, SyncOptions } from './sync-options.ts'
import { lostPackages, notAccepted, type SyncOutcome, upToDate } from './sync-outcome.ts'

/**
 * Throws an error that fails the whole sync. If single packages can't be fetched, the outcome lists
 * them. RS-16: if the upstream's index changes during the sync, the sync starts once more with the
 * new index.
 */
export async function syncRepository(
  deps: SyncDeps,
  config: RepositoryConfig,
  options: SyncOptions,
): Promise<SyncOutcome> {
  const seen: Seen = { index: undefined }
  try {
    const outcome = await attempt(deps, config, options, seen)
    if (outcome.result === 'complete' || !(await hasMoved(deps, seen, options))) return outcome
  } catch (error) {
    options.signal.throwIfAborted()
    const cured = mirrorError.is(error, 'mirror.missing') || mirrorError.is(error, 'mirror.digest')
    if (!cured || !(await hasMoved(deps, seen, options))) throw error
  }
  options.onEvent({
    type: 'notice',
    message: `the upstream was updated during the sync; starting again`,
  })
  return attempt(deps, config, options, seen)
}

/** The values that an attempt read before it failed. */
interface Seen {
  index: Sha256 | undefined
}

/**
 * True if the upstream has another index now. False if it can't be reached any more, so that the
 * caller reports the first failure.
 */
async function hasMoved(deps: SyncDeps, seen: Seen, options: SyncOptions): Promise<boolean> {
  if (seen.index === undefined) return false
  try {
    const now = await deps.format.probe(deps.upstream, undefined, options)
    return now !== 'unchanged' && now.sha256 !== seen.index
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
  const { onEvent, signal } = options
  const known = await lastOf(deps.database.query, deps.format, config)
  onEvent({ type: 'phase', phase: 'metadata' })
  const probe = await probed(deps, known, options)
  if ('upToDate' in probe) return upToDate(probe.upToDate)
  seen.index = probe.sha256
  const index = probe.read()
  if (options.allowRollback !== true)
    refuseRollback(config.name, known.last?.revision, index.revision)

  const fetched = await index.fetch(deps, config, options)
  const listed = await Array.fromAsync(fetched.packages(signal))
  const selection = await select(deps, config, options, { fetched, listed, known })
  for (const message of selection.notices) onEvent({ type: 'notice', message })
  if (selection.lost.length > 0 && options.acceptShrink !== true)
    return lostPackages(selection.lost)
  guardShrink(config, options, { known, listed, selection })

  const pooled = await pooledContent(deps, selection.packages, signal)
  const plan = await planOf(deps, known, { fetched, selection, pooled })
  checkPaths([...plan.packages.map((each) => each.href), ...pathsOf(fetched)], index.path)
  onEvent({
    type: 'total',
    files: fetched.fetched.files + plan.fetch.length,
    bytes: fetched.fetched.bytes + plan.bytes,
  })
  if (options.dryRun === true)
    return notAccepted(plan, { result: 'complete', fetched: plan.fetch.length, bytes: plan.bytes })

  onEvent({ type: 'phase', phase: 'packages' })
  const downloads = await fetchPackages(deps, plan.fetch, { ...options, lost: pooled.lost })
  const got = { fetched: downloads.got.size, bytes: downloads.bytes }
  if (downloads.failures.length > 0 || downloads.untried > 0) {
    const { failures, untried } = downloads
    return notAccepted(plan, { result: 'incomplete', ...got, failures, untried })
  }

  onEvent({ type: 'phase', phase: 'saving' })
  const read: Read = { probe, revision: index.revision, fetched, listed, selection, plan }
  const version = await save(deps, config, options, { ...read, known, pooled, downloads })
  // Crash here: the version is accepted and not published. The caller publishes it next. After a
  // crash, the next sync does.
  return { ...notAccepted(plan, { result: 'complete', ...got }), version }
}

/**
 * Requests the upstream's index. If it is unchanged and the pool has all files of the last version,
 * the repository is up to date.
 */
async function probed(
  deps: SyncDeps,
  { last, comparable }: Last,
  options: SyncOptions,
): Promise<Probe | { upToDate: VersionRecord }> {
  const { format, upstream } = deps
  const found = await format.probe(upstream, comparable, options)
  if (found !== 'unchanged') return found
  if (last === undefined) throw new Error('only a known index is unchanged')
  const version = last
  const lacking = await lackingOf(deps, version.id, options.signal)
  if (lacking.length === 0) return { upToDate: version }
  const names = namedFiles(lacking.map(({ path }) => path))
  options.onEvent({
    type: 'notice',
    message:
      'the pool has lost files of the last version, or they are damaged; ' +
      `they are fetched again: ${names}`,
  })
  const probe = await format.probe(upstream, undefined, options)
  if (probe === 'unchanged') throw new Error('only a known index is unchanged')
  return probe
}

function select(
  deps: SyncDeps,
  config: RepositoryConfig,
  options: SyncOptions,
  read: { fetched: FetchedIndex; listed: readonly ListedPackage[]; known: Last },
): Promise<Selection> {
  const { signal } = options
  const chosen = {
    listed: read.listed,
    files: read.fetched.files.map(({ kind, label, path, id }) => ({ kind, label, path, blob: id })),
    last: read.known.last?.id,
    acceptShrink: options.acceptShrink === true,
  }
  const lookups = {
    format: deps.format,
    query: deps.database.query,
    pool: deps.pool,
    pooled: (each: readonly ListedPackage[]) => healedContent(deps, each, signal),
  }
  return selectPackages(lookups, config.retention, chosen, signal)
}

/**
 * Rejects the loss of most packages. A changed configuration may select fewer packages, so then the
 * check counts all that the upstream lists.
 */
function guardShrink(
  config: RepositoryConfig,
  options: SyncOptions,
  { known, listed, selection }: { known: Last; listed: readonly unknown[]; selection: Selection },
): void {
  if (options.acceptShrink === true) return
  const remaining = known.comparable === undefined ? listed.length : selection.packages.length
  refuseShrink(config.name, known.last?.packages ?? 0, remaining)
}

async function planOf(
  deps: SyncDeps,
  { last }: Last,
  read: { fetched: FetchedIndex; selection: Selection; pooled: PooledContent },
): Promise<Plan> {
  const pooled = new Map([...read.pooled.found].map(([key, blob]) => [key, blob.id]))
  const previous =
    last === undefined ? new Set<ChecksumKey>() : await contentsOf(deps.database.query, last.id)
  const { packages } = read.selection
  return planSync({ listed: packages, pooled, previous }, read.fetched.listing.path)
}

function pathsOf({ files }: FetchedIndex): string[] {
  return files.map((file) => file.path)
}

/** The data for a new version. */
interface Read {
  readonly probe: Probe
  readonly revision: string
  readonly fetched: FetchedIndex
  readonly listed: readonly ListedPackage[]
  readonly selection: Selection
  readonly plan: Plan
}

async function save(
  deps: SyncDeps,
  config: RepositoryConfig,
  { signal, operation }: SyncOptions,
  read: Read & { known: Last; pooled: PooledContent; downloads: PackageDownloads },
): Promise<number> {
  const { probe, fetched, selection, listed } = read
  const packages = read.plan.packages.map((each): VersionPackage => {
    const key = checksumKey(each.checksum)
    const blob = read.downloads.got.get(key) ?? read.pooled.found.get(key)
    if (blob === undefined) throw new Error(`${each.href} was neither pooled nor fetched`)
    return { ...each, blob: blob.id, sha256: blob.sha256 }
  })
  const files = selection.asListed
    ? fetched.files
    : [
        ...(await fetched.write({ selection, listed }, signal)),
        ...fetched.files.filter(({ kind }) => kind === 'key'),
      ]
  const version = {
    repository: config.name,
    configHash: configHash(deps.format, config),
    revision: read.revision,
    indexSha256: probe.sha256,
    listingChecksum: fetched.listing.checksum?.value,
    etag: probe.etag,
    lastModified: probe.lastModified,
    operation,
    after: read.known.last?.id ?? null,
    packages,
    files,
  }
  return saveVersion(deps.database, version, { signal })
}

/** The limit of names in one notice. The rest is counted. */
const MAX_NAMED = 20

function namedFiles(paths: readonly string[]): string {
  const more = paths.length - MAX_NAMED
  return `${paths.slice(0, MAX_NAMED).join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}
