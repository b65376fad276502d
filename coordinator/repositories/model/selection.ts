/** Which packages a new version has. */
import type { BlobId } from '../../../shared/ids.ts'
import type { ListedPackage } from './package.ts'
import type { VersionFile } from './version.ts'

/** A file of an index in the pool. */
export interface PooledFile extends Pick<VersionFile, 'kind' | 'label'> {
  readonly path: string
  readonly blob: BlobId
}

export interface Selection {
  /** In the order of the listings: those of the upstream, then those kept from the last version. */
  readonly packages: readonly ListedPackage[]
  /**
   * Those of them that the upstream has no longer, by their number in the last version's listing.
   * Undefined if there are none.
   */
  readonly carried:
    | { readonly files: readonly PooledFile[]; readonly numbers: ReadonlySet<number> }
    | undefined
  /** Exactly what the upstream lists: then its index is kept byte for byte, with its signature. */
  readonly asListed: boolean
  /**
   * Packages to keep that the upstream has no longer and that the pool has lost. They aren't in
   * `packages`.
   */
  readonly lost: readonly ListedPackage[]
  /** What a person should know although the sync goes on. */
  readonly notices: readonly string[]
}
