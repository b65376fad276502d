/** A package as a repository lists it. Its paths and checksums have been checked. */
import type { Checksum } from './checksum.ts'
import type { Href } from './href.ts'

export interface ListedPackage {
  readonly name: string
  readonly arch: string
  /** Decimal digits; `0` where absent. */
  readonly epoch: string
  readonly version: string
  readonly release: string
  readonly checksum: Checksum
  /** Bytes of the file. */
  readonly size: number
  readonly href: Href
  /** File name of the source package; empty for source packages. */
  readonly sourceRpm: string
  /** Seconds since the epoch; 0 where absent. */
  readonly buildTime: number
}
