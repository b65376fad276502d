/**
 * Repositories, their versions and what is published. Packages and blobs are shared by all
 * repositories.
 */
import type { Generated } from 'kysely'

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
  /** SHA-256 of the canonical configuration that the newest version was made with, hex. */
  config_hash: string
  created_at: number
}

export interface RepositoryVersionTable {
  id: Generated<number>
  repository: string
  /** `revision` of repomd.xml. */
  revision: string | null
  created_at: number
  /** Checksum of the primary metadata, as repomd.xml names it. */
  primary_checksum: string | null
  /** SHA-256 of repomd.xml itself. */
  repomd_checksum: string | null
  /** What the upstream said of its repomd.xml, for conditional requests. */
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
 * One package file at one place, as one name. Two repositories that list it alike share the row;
 * one that lies about the name of a package that another has too gets a row of its own.
 */
export interface PackageTable {
  pk: Generated<number>
  /** Checksum of the package file as primary metadata names it, of the type beside it. */
  pkgid: string
  checksum_type: string
  /** SHA-256 of the package file; known once it was fetched, and earlier where it is the pkgid. */
  sha256: string | null
  /** Null until it was fetched. */
  blob: string | null
  name: string
  epoch: number
  version: string
  release: string
  arch: string
  /** Place below the repository's root, where the upstream has it and where it is published. */
  href: string
  size: number
  installed_size: number | null
  build_time: number | null
  source_rpm: string | null
  summary: string | null
}

/** A file of a version that is no package: metadata, signatures, keys. */
export interface VersionFileTable {
  version: number
  path: string
  blob: string
  size: number
  checksum: string | null
  checksum_type: string | null
  type: string
}

export interface SyncRunTable {
  id: string
  repository: string
  started_at: number
  finished_at: number | null
  result: 'running' | 'complete' | 'incomplete' | 'failed'
  /** Packages fetched. */
  packages: number
  /** Bytes fetched. */
  bytes: number
  message: string | null
}

export interface SnapshotTable {
  repository: string
  name: string
  version: number
  created_at: number
  description: string
  /** The operation that made it; null for one of an earlier Muster. */
  operation: Generated<string | null>
}

/** What is published now: `latest` or a snapshot's name. */
export interface PublicationTable {
  repository: string
  target: string
  version: number
  /** Number of the generation, rising by one with each publication of this target. */
  generation: number
  /** Name of the generation's folder. */
  folder: string
  /** When this generation was published, a repair included. */
  at: number
  /** Of `latest`: the snapshot that an operator put it on; null while it follows the newest. */
  pin: Generated<string | null>
  /** Since when this version is served under this pin; null if an earlier Muster published it. */
  since: Generated<number | null>
  /** The operation that chose this version or pin. */
  operation: Generated<string | null>
}

/**
 * Every generation of a target whose metadata may still be asked for. The row with the next number
 * is written by whoever publishes it: that is the fence.
 */
export interface GenerationTable {
  repository: string
  target: string
  number: number
  version: number
  folder: string
  at: number
  /** When the next one took its place; null for the newest. */
  replaced_at: number | null
  /** The operation that published it; null for a repair, and for one of an earlier Muster. */
  operation: Generated<string | null>
}

export interface BlobTable {
  id: string
  sha256: string
  size: number
  added_at: number
}
