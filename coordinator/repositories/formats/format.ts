/**
 * A format of repositories. The engine (sync/, retention/, snapshots/, publish/) contains no code
 * for a single format. `describeFormat` in contract.ts tests each implementation. The host writes
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
   * Returns the options that affect the contents of this repository's versions. If they change, the
   * next sync reads the upstream's index again.
   */
  contents(config: RepositoryConfig): Json
  /**
   * Requests the root of the upstream's index, with one small request. Returns `unchanged` if
   * `last` was made from the same root.
   * @throws mirror.*
   */
  probe(
    upstream: Upstream,
    last: VersionRecord | undefined,
    options: ProbeOptions,
  ): Promise<Probe | 'unchanged'>
  /** Returns the file that lists the packages of a version; undefined if there is none. */
  listing(files: readonly PooledFile[]): PooledFile | undefined
  /**
   * Reads packages from a listing in the pool, in its order.
   * @throws blob.unknown if the pool has lost the content, mirror.metadata
   */
  packages(deps: PoolDeps, listing: PooledFile, signal: AbortSignal): AsyncIterable<ListedPackage>
  /**
   * Returns the newest of `packages`, in their order.
   * @param files - the files of the upstream and of the last version. They may group packages.
   */
  newest(
    deps: PoolDeps,
    packages: readonly ListedPackage[],
    files: readonly PooledFile[],
    signal: AbortSignal,
  ): Promise<readonly ListedPackage[]>
  /** Returns the ids of the advisories in a version. */
  advisories(
    deps: PoolDeps,
    files: readonly PooledFile[],
    signal?: AbortSignal,
  ): Promise<readonly string[]>
  /** True if the bytes at a path of a published tree never change, so that caches may keep them. */
  immutable(path: string): boolean
}

/** The root of an upstream's index. It isn't parsed yet. */
export interface Probe {
  /** The digest of the root's bytes. */
  readonly sha256: Sha256
  /** The ETag that the upstream sent with the root, for conditional requests. */
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  /** @throws mirror.metadata */
  read(): UpstreamIndex
}

export interface UpstreamIndex {
  /** Path of its root, for errors. */
  readonly path: string
  /** If two revisions are numbers, the smaller one belongs to an older index. */
  readonly revision: string
  /**
   * Fetches every file that isn't a package into the pool, verified.
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
   * Yields every package of the listing, in its order. The listing is verified only when the
   * iteration ends.
   */
  packages(signal: AbortSignal): AsyncIterable<ListedPackage>
  /**
   * Writes an index for a version whose packages differ from the upstream's, into the pool. Returns
   * the index and all files that it names.
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

/** The dependencies for reading the index of an upstream. */
export interface IndexDeps extends DownloadDeps {
  readonly database: Database
  /** Opens a client without credentials for another address. The caller closes it. */
  readonly elsewhere: (folder: URL) => Upstream
}

export interface ProbeOptions {
  readonly signal: AbortSignal
  readonly onEvent: OnSyncEvent
}

export interface IndexOptions extends ProbeOptions {
  /** The number of files that are fetched at the same time. */
  readonly workers: number
}

export interface Formats {
  /** @throws mirror.unsupported if this version doesn't support the type */
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
