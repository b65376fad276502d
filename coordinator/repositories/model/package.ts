/** A package as a repository lists it. Its paths and checksums have been checked. */
import type { Checksum } from './checksum.ts'
import type { Href } from './href.ts'

export interface PackageVersion {
  /** 0 where absent. */
  readonly epoch: number
  readonly version: string
  /** Of the packager; empty where a format has none. */
  readonly release: string
}

export interface ListedPackage extends PackageVersion {
  readonly name: string
  readonly arch: string
  readonly checksum: Checksum
  /** Bytes of the file. */
  readonly size: number
  readonly href: Href
  /** The source package that it was built from; empty for source packages. */
  readonly source: string
  /** Seconds since the epoch; 0 where absent. */
  readonly buildTime: number
}
