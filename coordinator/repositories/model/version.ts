/** A repository version: packages, and the files beside them. */
import type { BlobId, Sha256 } from '../../../shared/ids.ts'
import type { VersionFileTable } from '../../database/tables/repositories.ts'
import type { BlobRecord } from './blob.ts'
import type { Checksum } from './checksum.ts'
import type { Href } from './href.ts'
import type { ListedPackage } from './package.ts'

export interface VersionPackage extends ListedPackage {
  readonly blob: BlobId
  readonly sha256: Sha256
}

/**
 * The kind of a file beside the packages. `index`: the root of the index. `metadata`: a file that
 * the index names. `signature` and `signing-key` belong to the index. `key`: a public key for
 * clients.
 */
export type VersionFileKind = VersionFileTable['kind']
export type FileKind = 'package' | VersionFileKind

export interface VersionFile extends BlobRecord {
  readonly path: Href
  readonly kind: VersionFileKind
  /** The format's name for a metadata file; empty for other kinds. */
  readonly label: string
  /** The checksum in the index. */
  readonly checksum?: Checksum
}

export interface VersionRecord {
  readonly id: number
  readonly revision: string | null
  readonly index_checksum: string | null
  readonly upstream_etag: string | null
  readonly upstream_modified: string | null
  readonly packages: number
  readonly bytes: number
  readonly created_at: number
}
