/** Package managers: how each one writes and orders versions, by its own rules. */

/**
 * Epoch, version and release (dpkg: revision) of a package. An absent epoch is 0. An absent release
 * is empty.
 */
export interface PackageVersion {
  readonly epoch: number
  readonly version: string
  readonly release: string
}

export interface NamedVersion extends PackageVersion {
  readonly name: string
  readonly arch: string
}

/** `describeManager` in testing.ts tests each implementation against these comments. */
export interface PackageManager {
  readonly name: string
  parse(text: string): PackageVersion
  /** Writes the text that {@link parse} reads. An epoch of 0 and an empty release are left out. */
  format(version: PackageVersion): string
  /** Writes name, version and architecture of a package in the form of the manager's own tools. */
  formatPackage(each: NamedVersion): string
  /** Negative if `a` is older, positive if newer, 0 if the manager treats them as the same. */
  compare(a: PackageVersion, b: PackageVersion): number
  /**
   * Compares with the version in a condition such as `< 1.5`. The manager decides what an absent
   * epoch or release means there.
   */
  compareToWanted(installed: PackageVersion, wanted: PackageVersion): number
}
