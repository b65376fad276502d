/** How package managers write and order versions. Each one follows its own rules. */

/**
 * Epoch, version and release (dpkg: revision) of a package. An absent epoch is 0; an absent release
 * is empty.
 */
export interface PackageVersion {
  readonly epoch: number
  readonly version: string
  readonly release: string
}

export interface PackageManager {
  readonly name: string
  parse(text: string): PackageVersion
  /** The epoch only if it isn't 0, the release only if there is one. */
  format(version: PackageVersion): string
  /** Negative if `a` is older, positive if newer, 0 if the manager takes them for the same. */
  compare(a: PackageVersion, b: PackageVersion): number
  /**
   * The order in a condition such as `< 1.5`: what an absent release means there is up to the
   * manager.
   */
  compareToWanted(installed: PackageVersion, wanted: PackageVersion): number
}
