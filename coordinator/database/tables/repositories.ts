/** Repositories, their versions and publications. All repositories share packages and blobs. */
import type { Generated } from 'kysely'
import type { BlobId, Sha256 } from '../../../shared/ids.ts'

export interface MirrorTables {
  repository: RepositoryTable
  repository_version: RepositoryVersionTable
  version_package: VersionPackageTable
  package: PackageTable
  version_file: VersionFileTable
  sync_run: SyncRunTable
  snapshot: SnapshotTable
  publication: PublicationTable
  generation: GenerationTable
  blob: BlobTable
}

export interface RepositoryTable {
  id: string
  type: string
  /** SHA-256 of the canonical configuration of the newest version, in hex. */
  config_hash: string
  created_at: number
}

export interface RepositoryVersionTable {
  id: Generated<number>
  repository: string
  /** The revision in the upstream's index. */
  revision: string | null
  created_at: number
  /** Checksum of the upstream's listing, as its index names it. */
  listing_checksum: string | null
  /** SHA-256 of the root of the upstream's index. */
  index_checksum: string | null
  /** The ETag that the upstream sent with that root, for conditional requests. */
  upstream_etag: string | null
  upstream_modified: string | null
  packages: number
  bytes: number
  operation: string | null
}

export interface VersionPackageTable {
  version: number
  package: number
}

/**
 * One package file at one location with one name. If repositories list it in the same way, they
 * share the row. If a repository lists another name for the same file, it gets its own row.
 */
export interface PackageTable {
  pk: Generated<number>
  /** The checksum of the package file in the listing, of the type beside it. */
  checksum: string
  checksum_type: string
  /**
   * SHA-256 of the package file. Null until it was fetched, unless the listing contains it.
   */
  sha256: Sha256 | null
  /** Null until the package was fetched. */
  blob: BlobId | null
  name: string
  epoch: number
  version: string
  release: string
  arch: string
  /** Path below the repository's root, at the upstream and in the publication. */
  href: string
  size: number
  installed_size: number | null
  build_time: number | null
  /** The source package. */
  source: string | null
  summary: string | null
}

/** A file of a version that is not a package: metadata, signatures, keys. */
export interface VersionFileTable {
  version: number
  path: string
  blob: BlobId
  size: number
  checksum: string | null
  checksum_type: string | null
  kind: 'index' | 'signature' | 'signing-key' | 'key' | 'metadata'
  /** The format's name for a metadata file; empty for other kinds. */
  label: string
}

export interface SyncRunTable {
  id: string
  repository: string
  started_at: number
  finished_at: number | null
  result: 'running' | 'complete' | 'incomplete' | 'failed'
  /** Number of packages fetched. */
  packages: number
  /** Number of bytes fetched. */
  bytes: number
  message: string | null
}

export interface SnapshotTable {
  repository: string
  name: string
  version: number
  created_at: number
  description: string
  /** The operation that made it; null if an earlier version of Muster made it. */
  operation: Generated<string | null>
}

/** The current publication of `latest` or of a snapshot. */
export interface PublicationTable {
  repository: string
  target: string
  version: number
  /** Number of the generation. Each publication of this target adds one. */
  generation: number
  /** The location of its tree. Only the destination reads it. */
  location: string
  /** The time when this generation was published. A repair also publishes one. */
  at: number
  /**
   * For `latest`: the snapshot that an operator chose; null while it follows the newest version.
   */
  pin: Generated<string | null>
  /** The time since which it is served; null if an earlier version of Muster published it. */
  since: Generated<number | null>
  /** The operation that chose this version or pin. */
  operation: Generated<string | null>
}

/**
 * Every generation of a target whose metadata a client may still request. A publisher first writes
 * the row with the next number. Then no other publisher can use that number.
 */
export interface GenerationTable {
  repository: string
  target: string
  number: number
  version: number
  location: string
  at: number
  /** When the next generation replaced it; null for the newest. */
  replaced_at: number | null
  /** The operation that published it; null for a repair or an earlier version of Muster. */
  operation: Generated<string | null>
}

export interface BlobTable {
  id: BlobId
  sha256: Sha256
  size: number
  added_at: number
}
