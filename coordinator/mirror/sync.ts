/**
 * One sync of one repository: repomd.xml, every metadata file, the choice of packages, a plan, the missing ones, and, only if all of it is there and is what
 * the metadata says, one new version. Whatever goes wrong before that leaves the last version as it was; what was fetched stays in the
 * pool and is not fetched again.
 */
import { createHash } from 'node:crypto'
import type { RepositoryConfig } from '../../shared/config/repository.ts'
import type { BlobId, Sha256 } from '../../shared/ids.ts'
import { type BlobRecord, findBySha256, recordBlobs } from '../content/blobs.ts'
import { kindOf, readManifest, typeOf } from '../content/manifest.ts'
import type { Database } from '../database/database.ts'
import { configHash } from './config-hash.ts'
import type { DownloadDeps } from './download.ts'
import { mirrorError } from './errors.ts'
import { refuseRollback, refuseShrink } from './guards.ts'
import { findKeyFiles, type KeyFileDeps } from './key-files.ts'
import { ownHref } from './metadata/href.ts'
import type { PrimaryPackage } from './metadata/primary.ts'
import { MAX_REPOMD_BYTES, REPOMD, type Repomd, type RepomdRecord, readRepomd } from './metadata/repomd.ts'
import { fetchMetadata, type MetadataFile, primaryPackages, verifyOpen } from './metadata-files.ts'
import { type FailedFile, fetchPackages } from './packages.ts'
import { mapParallel } from './parallel.ts'
import { type ChecksumKey, checkPaths, checksumKey, planSync } from './plan.ts'
import type { OnSyncEvent } from './progress.ts'
import { writeOwnMetadata } from './retention/own-metadata.ts'
import { type PooledFile, selectPackages } from './retention/select.ts'
import { createSlots } from '../../shared/slots.ts'
import type { SmallFile, Upstream } from './upstream/upstream.ts'
import {
  contentsOf,
  newestVersion,
  recordedContent,
  saveVersion,
  type VersionFile,
  type VersionPackage,
  type VersionRecord,
} from './versions.ts'

/** Signatures and keys of repomd.xml are a few KiB. */
const MAX_SIGNATURE_BYTES = 256 * 1024

/**
 * Metadata from this size on is not fetched again when the pool has it. Below, fetching costs no more than a look-up, and shows that the
 * upstream really has the set that its repomd.xml lists.
 */
const REUSED_FROM_BYTES = 1024 * 1024

/** RS-06: each may make us hold a window or dictionary of 128 MiB, and a processor is busy with one anyway. */
const DECOMPRESSED_AT_ONCE = 2

export interface SyncDeps extends KeyFileDeps, DownloadDeps {
  readonly database: Database
}

export interface SyncOptions {
  readonly signal: AbortSignal
  readonly onEvent: OnSyncEvent
  readonly workers: number
  /** Reads and plans; fetches no package and accepts nothing. */
  readonly dryRun?: boolean | undefined
  readonly allowRollback?: boolean | undefined
  readonly acceptShrink?: boolean | undefined
  /** Recorded with the version. */
  readonly operation?: string | undefined
}

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
 * Throws what made the whole sync fail; single packages that can't be had are in the outcome. An upstream that was updated under our
 * hands (RS-16: what its old repomd.xml lists is gone) is synced once more, from its new one.
 */
export async function syncRepository(deps: SyncDeps, config: RepositoryConfig, options: SyncOptions): Promise<SyncOutcome> {
  const seen: Seen = { repomd: undefined }
  try {
    const outcome = await attempt(deps, config, options, seen)
    if (outcome.result === 'complete' || !(await hasMoved(deps.upstream, seen, options))) return outcome
  } catch (error) {
    options.signal.throwIfAborted()
    const cured = mirrorError.is(error, 'mirror.missing') || mirrorError.is(error, 'mirror.digest')
    if (!cured || !(await hasMoved(deps.upstream, seen, options))) throw error
  }
  options.onEvent({ type: 'notice', message: `the upstream was updated during the sync; starting again` })
  return attempt(deps, config, options, seen)
}

/** What an attempt got before it failed. */
interface Seen {
  repomd: Sha256 | undefined
}

/** Whether the upstream has another repomd.xml now. One that can't be asked any more has not: what it failed with before is the news. */
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

async function attempt(deps: SyncDeps, config: RepositoryConfig, options: SyncOptions, seen: Seen): Promise<SyncOutcome> {
  const { database } = deps
  const { signal, onEvent } = options
  const configured = configHash(config)
  const repository = await database.query.selectFrom('repository').select('config_hash').where('id', '=', config.name).executeTakeFirst()
  const last = await newestVersion(database.query, config.name)
  // A version made under another configuration says nothing about what this one wants of the same upstream.
  const comparable = repository?.config_hash === configured ? last : undefined
  onEvent({ type: 'phase', phase: 'metadata' })
  let fetched = await fetchRepomd(deps.upstream, comparable, options)
  if (fetched === 'unchanged') {
    if (await isWhole(deps, (last as VersionRecord).id)) return upToDate(last as VersionRecord)
    onEvent({ type: 'notice', message: 'the pool has lost files of the last version; they are fetched again' })
    fetched = (await fetchRepomd(deps.upstream, undefined, options)) as FetchedRepomd
  }
  seen.repomd = fetched.sha256
  const repomd = readRepomd(fetched.file.bytes)
  if (options.allowRollback !== true) refuseRollback(config.name, last?.revision, repomd.revision)

  const [{ files, primary, fetched: metadata }, extras] = await allSettled(
    fetchAllMetadata(deps, repomd, options),
    fetchExtras(deps, config, fetched, options),
  )
  const listed: PrimaryPackage[] = []
  for await (const each of primaryPackages(deps, primary, signal)) listed.push(each)
  const chosen = { listed, files: [...files, ...extras].map(pooledFile), last: last?.id, acceptShrink: options.acceptShrink === true }
  const lookups = { query: database.query, pool: deps.pool, pooled: (each: readonly PrimaryPackage[]) => pooledContent(deps, each) }
  const selection = await selectPackages(lookups, config.retention, chosen, signal)
  for (const message of selection.notices) onEvent({ type: 'notice', message })
  // Under another configuration the last version has another share of the upstream's packages.
  const remaining = comparable === undefined ? listed.length : selection.packages.length
  if (options.acceptShrink !== true) refuseShrink(config.name, last?.packages ?? 0, remaining)

  const known = await pooledContent(deps, selection.packages)
  const pooled = new Map([...known].map(([key, blob]) => [key, blob.id]))
  const previous = last === undefined ? new Set<ChecksumKey>() : await contentsOf(database.query, last.id)
  const plan = planSync({ listed: selection.packages, pooled, previous }, primary.record.href)
  checkPaths([...plan.packages.map((each) => each.href), ...files.map((each) => each.path), ...extras.map((each) => each.path)], REPOMD)
  onEvent({ type: 'total', files: metadata.files + plan.fetch.length, bytes: metadata.bytes + plan.bytes })
  const counts = { unchanged: plan.unchanged, removed: plan.removed }
  if (options.dryRun === true) {
    const nothing = { version: undefined, upToDate: false, failures: [], untried: 0 }
    return { result: 'complete', fetched: plan.fetch.length, bytes: plan.bytes, ...counts, ...nothing }
  }

  onEvent({ type: 'phase', phase: 'packages' })
  const downloads = await fetchPackages(deps, plan.fetch, options)
  const got = { fetched: downloads.got.size, bytes: downloads.bytes, ...counts, upToDate: false }
  if (downloads.failures.length > 0 || downloads.untried > 0)
    return { ...got, result: 'incomplete', version: undefined, failures: downloads.failures, untried: downloads.untried }

  onEvent({ type: 'phase', phase: 'saving' })
  const packages = plan.packages.map((each): VersionPackage => {
    const blob = (downloads.got.get(checksumKey(each.checksum)) ?? known.get(checksumKey(each.checksum))) as BlobRecord
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
      packages,
      files: own === undefined ? [...files, ...extras] : [...own, ...extras.filter((each) => kindOf(each.type) === 'key-file')],
    },
    { signal },
  )
  // Crash here: the version is there and not published. Publishing is the next step of whoever asked, and of the next sync.
  return { ...got, result: 'complete', version, failures: [], untried: 0 }
}

function pooledFile({ type, path, id }: VersionFile): PooledFile {
  return { type, path, blob: id }
}

function upToDate(last: VersionRecord): SyncOutcome {
  const nothing = { fetched: 0, bytes: 0, removed: 0, failures: [], untried: 0 }
  return { result: 'complete', version: last.id, upToDate: true, unchanged: last.packages, ...nothing }
}

interface FetchedRepomd {
  readonly file: SmallFile
  readonly sha256: Sha256
}

/** repomd.xml, unless it is the one that the last version was made from: then that cost one request. */
export async function fetchRepomd(
  upstream: Upstream,
  last: VersionRecord | undefined,
  options: { signal: AbortSignal; onEvent: OnSyncEvent },
): Promise<FetchedRepomd | 'unchanged'> {
  const validators = { etag: last?.upstream_etag ?? undefined, lastModified: last?.upstream_modified ?? undefined }
  const onRetry = (notice: { file: string; reason: string; waitMs: number }): void => options.onEvent({ type: 'retry', ...notice })
  const file = await upstream.small(ownHref(REPOMD), { maxBytes: MAX_REPOMD_BYTES, validators, signal: options.signal, onRetry })
  if (file === 'unchanged') return 'unchanged'
  if (file === 'absent') throw mirrorError('mirror.missing', { url: new URL(REPOMD, upstream.base).href, status: 404 })
  const sha256 = createHash('sha256').update(file.bytes).digest('hex') as Sha256
  return sha256 === last?.repomd_checksum ? 'unchanged' : { file, sha256 }
}

interface Metadata {
  readonly files: VersionFile[]
  readonly primary: MetadataFile
  /** What of it was not in the pool. */
  readonly fetched: { readonly files: number; readonly bytes: number }
}

/** Every file that repomd.xml lists, verified; primary is verified as it is read. */
async function fetchAllMetadata(deps: SyncDeps, repomd: Repomd, options: SyncOptions): Promise<Metadata> {
  const digests = repomd.records.filter((record) => record.checksum.kind === 'sha256').map((record) => record.checksum.value)
  const recorded = await findBySha256(deps.database.query, digests)
  const pooled = new Map<RepomdRecord, BlobRecord>()
  for (const record of repomd.records) {
    const known = recorded.get(record.checksum.value)
    if (known !== undefined && known.size >= REUSED_FROM_BYTES && (await deps.pool.stat(known.id)) !== undefined) pooled.set(record, known)
  }
  const missing = repomd.records.filter((record) => !pooled.has(record))
  options.onEvent({ type: 'total', files: missing.length, bytes: missing.reduce((sum, record) => sum + (record.size ?? 0), 0) })
  const decompressing = createSlots(DECOMPRESSED_AT_ONCE)
  const fetched = await mapParallel(repomd.records, options.workers, async (record) => {
    const file = await fetchMetadata(deps, record, pooled.get(record), options)
    if (record.type === 'primary') return file
    const release = await decompressing.take(options.signal)
    try {
      await verifyOpen(deps, file, options.signal)
    } finally {
      release()
    }
    return file
  })
  // Crash here: metadata in the pool without a record. The next sync fetches it again and finds the pool has it.
  await recordBlobs(deps.database.query, fetched, deps.clock.now())
  const news = fetched.filter((file) => !pooled.has(file.record))
  return {
    fetched: { files: news.length, bytes: news.reduce((sum, file) => sum + file.size, 0) },
    primary: fetched.find((file) => file.record.type === 'primary') as MetadataFile,
    files: fetched.map(({ record, id, sha256, size }) => ({
      id,
      sha256,
      size,
      path: record.href,
      type: record.type,
      checksum: record.checksum,
    })),
  }
}

/** What no checksum of the metadata covers: repomd.xml itself, its signature and key, and the repository's key files. */
async function fetchExtras(deps: SyncDeps, config: RepositoryConfig, repomd: FetchedRepomd, options: SyncOptions): Promise<VersionFile[]> {
  const { signal } = options
  const beside = async (path: string, kind: 'signature' | 'signing-key') => {
    const file = await optional(deps.upstream, path, signal)
    return file === undefined ? [] : [{ path, bytes: file.bytes, type: typeOf(kind) }]
  }
  const [signature, signingKey] = await allSettled(beside(`${REPOMD}.asc`, 'signature'), beside(`${REPOMD}.key`, 'signing-key'))
  const keys = (await findKeyFiles(deps, config, options)).map((key) => ({ ...key, type: typeOf('key-file') }))
  const small = [{ path: REPOMD as string, bytes: repomd.file.bytes, type: typeOf('repomd') }, ...signature, ...signingKey, ...keys]
  const files: VersionFile[] = []
  for (const { path, bytes, type } of small) {
    const taken = await deps.pool.ingest(chunk(bytes), { maxBytes: bytes.length, expect: { size: bytes.length }, signal })
    files.push({ id: taken.id, sha256: taken.sha256, size: taken.size, path: ownHref(path), type })
  }
  return files
}

/** A file that many repositories have not. Content networks say that with 403 as well. */
async function optional(upstream: Upstream, path: string, signal: AbortSignal): Promise<SmallFile | undefined> {
  try {
    const file = await upstream.small(ownHref(path), { maxBytes: MAX_SIGNATURE_BYTES, signal })
    return typeof file === 'string' ? undefined : file
  } catch (error) {
    if (mirrorError.is(error, 'mirror.denied')) return undefined
    throw error
  }
}

/** Both results once both have settled; the first failure if there is one. */
async function allSettled<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b])
  return [await a, await b]
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Pool lookups at once: they are stats of files, and a disk answers many as fast as one. */
const LOOKUPS = 32

/** Whether the pool still has every file of a version: the disk may have lost one, or a check has put it into quarantine. */
async function isWhole(deps: SyncDeps, version: number): Promise<boolean> {
  let whole = true
  await mapParallel(await readManifest(deps.database.query, version), LOOKUPS, async ({ blob, size }) => {
    if (whole && (await deps.pool.stat(blob))?.size !== size) whole = false
  })
  return whole
}

/** Listed content that the pool really has, of the size that is listed. */
async function pooledContent(deps: SyncDeps, listed: readonly PrimaryPackage[]): Promise<Map<ChecksumKey, BlobRecord>> {
  const recorded = await recordedContent(deps.database.query, listed)
  const wanted = new Map<ChecksumKey, { id: BlobId; size: number }>()
  for (const each of listed) {
    const blob = recorded.get(checksumKey(each.checksum))
    if (blob !== undefined && blob.size === each.size) wanted.set(checksumKey(each.checksum), blob)
  }
  const found = new Map<ChecksumKey, BlobRecord>()
  await mapParallel([...wanted], LOOKUPS, async ([key, { id, size }]) => {
    if ((await deps.pool.stat(id))?.size === size) found.set(key, recorded.get(key) as BlobRecord)
  })
  return found
}
