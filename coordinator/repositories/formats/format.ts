/**
 * A kind of repository. The engine around it (sync/, retention/, snapshots/, publish/) contains
 * nothing of a format. `describeFormat` in contract.ts checks each implementation. The host writes
 * the files for its clients (shared/repositories/client-file.ts).
 */
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Json } from '../../../shared/canonical-json.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { Sha256 } from '../../../shared/ids.ts'
import type { PackageManager } from '../../../shared/packages/manager.ts'
import type { Database } from '../../database/database.ts'
import { mirrorError } from '../model/errors.ts'
import type { ListedPackage } from '../model/package.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import type { PooledFile, Selection } from '../model/selection.ts'
import type { VersionFile, VersionRecord } from '../model/version.ts'
import type { DownloadDeps } from '../upstream/download.ts'
import type { Upstream } from '../upstream/upstream.ts'

export interface RepositoryFormat {
  /** The name in the configuration and in the table of repositories. */
  readonly type: string
  /** The rules for the versions of its packages. */
  readonly manager: PackageManager
  /**
   * The options of a repository that decide the contents of its versions. After a change, the next
   * sync reads the upstream's index again.
   */
  contents(config: RepositoryConfig): Json
  /**
   * Asks for the root of the upstream's index: one small request. `unchanged` if it is the one that
   * `last` was made from.
   * @throws mirror.*
   */
  probe(
    upstream: Upstream,
    last: VersionRecord | undefined,
    options: ProbeOptions,
  ): Promise<Probe | 'unchanged'>
  /** The file of a version that lists its packages; undefined if it has none. */
  listing(files: readonly PooledFile[]): PooledFile | undefined
  /**
   * Reads packages from a listing in the pool, in its order.
   * @throws blob.unknown for content that the pool has lost, mirror.metadata
   */
  packages(deps: PoolDeps, listing: PooledFile, signal: AbortSignal): AsyncIterable<ListedPackage>
  /**
   * The newest of `packages`, in their order.
   * @param files - of the upstream, and of the version before: they may group packages
   */
  newest(
    deps: PoolDeps,
    packages: readonly ListedPackage[],
    files: readonly PooledFile[],
    signal: AbortSignal,
  ): Promise<readonly ListedPackage[]>
  /** Ids of the advisories in a version. */
  advisories(
    deps: PoolDeps,
    files: readonly PooledFile[],
    signal?: AbortSignal,
  ): Promise<readonly string[]>
  /** Whether the bytes at a path of a published tree never change, so that caches may keep it. */
  immutable(path: string): boolean
}

/** The root of an upstream's index. It isn't parsed yet. */
export interface Probe {
  /** Of its bytes. */
  readonly sha256: Sha256
  /** What the upstream sent with it, for conditional requests. */
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  /** @throws mirror.metadata */
  read(): UpstreamIndex
}

export interface UpstreamIndex {
  /** Path of its root, for errors. */
  readonly path: string
  /** Two revisions that are numbers are ordered: a smaller one is an older index. */
  readonly revision: string
  /**
   * Brings every file that isn't a package into the pool, verified.
   * @throws mirror.*, blob.*
   */
  fetch(deps: IndexDeps, config: RepositoryConfig, options: IndexOptions): Promise<FetchedIndex>
}

export interface FetchedIndex {
  readonly files: readonly VersionFile[]
  /** The part of `files` that wasn't in the pool, without small files beside the index. */
  readonly fetched: { readonly files: number; readonly bytes: number }
  readonly listing: VersionFile
  /**
   * Every package of the listing, in its order. The listing is verified at the end of the
   * iteration.
   */
  packages(signal: AbortSignal): AsyncIterable<ListedPackage>
  /**
   * Writes an index for other packages than the upstream lists, into the pool. Returns all files of
   * the version that the index names, and the index.
   * @throws mirror.metadata
   */
  write(
    chosen: { readonly selection: Selection; readonly listed: readonly ListedPackage[] },
    signal: AbortSignal,
  ): Promise<readonly VersionFile[]>
}

export interface PoolDeps {
  readonly pool: Pool
}

/** What reading an index of an upstream needs. */
export interface IndexDeps extends DownloadDeps {
  readonly database: Database
  /** A client without credentials for another address. The caller closes it. */
  readonly elsewhere: (folder: URL) => Upstream
}

export interface ProbeOptions {
  readonly signal: AbortSignal
  readonly onEvent: OnSyncEvent
}

export interface IndexOptions extends ProbeOptions {
  /** Files fetched at once. */
  readonly workers: number
}

export interface Formats {
  /** @throws mirror.unsupported for a type that this version doesn't know */
  of(repository: string, type: string): RepositoryFormat
}

export function formatsOf(all: readonly RepositoryFormat[]): Formats {
  const byType = new Map(all.map((format) => [format.type, format]))
  return {
    of(repository, type) {
      const found = byType.get(type)
      if (found !== undefined) return found
      const what = `this version knows no repositories of type ${JSON.stringify(type)}`
      throw mirrorError('mirror.unsupported', { repository, what })
    },
  }
}
