/** A package as a repository lists it. Its paths and checksums have been checked. */
import type { NamedVersion } from '../../../shared/packages/manager.ts'
import type { Checksum } from './checksum.ts'
import type { Href } from './href.ts'

export interface ListedPackage extends NamedVersion {
  readonly checksum: Checksum
  /** Bytes of the file. */
  readonly size: number
  readonly href: Href
  /** The source package that it was built from; empty for source packages. */
  readonly source: string
  /** Seconds since the epoch; 0 if absent. */
  readonly buildTime: number
}
