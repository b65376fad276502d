/** A repository version: packages, and the files beside them. */
import type { BlobId, Sha256 } from '../../../shared/ids.ts'
import type { BlobRecord } from './blob.ts'
import type { Checksum } from './checksum.ts'
import type { Href } from './href.ts'
import type { ListedPackage } from './package.ts'

export interface VersionPackage extends ListedPackage {
  readonly blob: BlobId
  readonly sha256: Sha256
}

export interface VersionFile extends BlobRecord {
  readonly path: Href
  /** `version_file.type`: the record type of repomd.xml, or one of {@link typeOf}. */
  readonly type: string
  readonly checksum?: Checksum
}

export interface VersionRecord {
  readonly id: number
  readonly revision: string | null
  readonly repomd_checksum: string | null
  readonly upstream_etag: string | null
  readonly upstream_modified: string | null
  readonly packages: number
  readonly bytes: number
  readonly created_at: number
}

/** What a file of a version is. `metadata`: named by repomd.xml. */
export type FileKind = 'package' | 'repomd' | 'signature' | 'signing-key' | 'metadata' | 'key-file'

/**
 * `version_file.type` holds the record type of repomd.xml for metadata, and one of our own words
 * for the rest.
 */
const OWN_TYPES = {
  'repomd.xml': 'repomd',
  'repomd.xml.asc': 'signature',
  'repomd.xml.key': 'signing-key',
  'key file': 'key-file',
} as const

export function kindOf(type: string): FileKind {
  return Object.hasOwn(OWN_TYPES, type) ? OWN_TYPES[type as keyof typeof OWN_TYPES] : 'metadata'
}

/**
 * The `version_file.type` of a file that is not metadata. Each has a character that record types
 * can't have, or a dot in its place.
 */
export function typeOf(kind: Exclude<FileKind, 'package' | 'metadata'>): string {
  return (Object.entries(OWN_TYPES).find(([, each]) => each === kind) as [string, FileKind])[0]
}
