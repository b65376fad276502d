/** Which packages a new version has. */
import type { BlobId } from '../../../shared/ids.ts'
import type { ListedPackage } from './package.ts'

/** A metadata file in the pool. */
export interface PooledFile {
  readonly type: string
  readonly path: string
  readonly blob: BlobId
}

export interface Selection {
  /**
   * In the order of the metadata: those of the upstream, then those that are kept from the last
   * version.
   */
  readonly packages: readonly ListedPackage[]
  /**
   * Those of them that the upstream has no longer, by their number in the last version's primary
   * metadata; undefined if there are none.
   */
  readonly carried:
    | { readonly files: readonly PooledFile[]; readonly numbers: ReadonlySet<number> }
    | undefined
  /**
   * Exactly what the upstream lists: then its metadata are kept byte for byte, and its signature of
   * them.
   */
  readonly asListed: boolean
  /**
   * Packages that are to be kept although the upstream has them no longer, and that the pool has
   * lost; left out of `packages`.
   */
  readonly lost: readonly ListedPackage[]
  /** What a person should know although the sync goes on. */
  readonly notices: readonly string[]
}
