/** The packages of a new version. */
import type { BlobId } from '../../../shared/ids.ts'
import type { ListedPackage } from './package.ts'
import type { VersionFile } from './version.ts'

/** A file of an index in the pool. */
export interface PooledFile extends Pick<VersionFile, 'kind' | 'label'> {
  readonly path: string
  readonly blob: BlobId
}

export interface Selection {
  /** In the order of the listings: packages of the upstream, then those of the last version. */
  readonly packages: readonly ListedPackage[]
  /**
   * The packages that the upstream no longer has, by their index in the last version's listing.
   * Undefined if there are none.
   */
  readonly carried:
    | { readonly files: readonly PooledFile[]; readonly numbers: ReadonlySet<number> }
    | undefined
  /** True if these are the upstream's packages exactly. Then its signed index is kept unchanged. */
  readonly asListed: boolean
  /**
   * Packages to keep that both the upstream and the pool no longer have. They aren't in `packages`.
   */
  readonly lost: readonly ListedPackage[]
  /** Texts for the operator. The sync continues. */
  readonly notices: readonly string[]
}
