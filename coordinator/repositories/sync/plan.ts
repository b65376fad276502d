/** Plans a sync from parsed metadata, before any package is fetched. Pure. */
import type { BlobId } from '../../../shared/ids.ts'
import { mirrorError } from '../model/errors.ts'
import { type ChecksumKey, checksumKey, sameChecksum } from '../model/checksum.ts'
import type { ListedPackage } from '../model/package.ts'

export interface PlanInput {
  /** Every package of the new version, including kept ones. */
  readonly listed: readonly ListedPackage[]
  /** Content that is in the pool already. */
  readonly pooled: ReadonlyMap<ChecksumKey, BlobId>
  /** Content of the newest version that was accepted; empty for a first sync. */
  readonly previous: ReadonlySet<ChecksumKey>
}

export interface Plan {
  /** Each package of the new version once, in the order of the metadata. */
  readonly packages: readonly ListedPackage[]
  /** One package for each content to fetch. The largest is first, so that it doesn't end last. */
  readonly fetch: readonly ListedPackage[]
  /** The bytes of the packages to fetch. */
  readonly bytes: number
  /** Packages whose content was in the last version. */
  readonly unchanged: number
  /** Contents of the last version that the new one doesn't have. */
  readonly removed: number
}

/** @throws mirror.metadata if two different files have one path */
export function planSync(input: PlanInput, file: string): Plan {
  const byPath = new Map<string, ListedPackage>()
  const toFetch = new Map<ChecksumKey, ListedPackage>()
  const kept = new Set<ChecksumKey>()
  for (const each of input.listed) {
    const twin = byPath.get(each.href)
    if (twin !== undefined) {
      // The same file twice is harmless. If two files differ, a client could get either.
      if (sameChecksum(twin.checksum, each.checksum) && twin.size === each.size) continue
      throw mirrorError('mirror.metadata', {
        file,
        reason: `it lists two different packages at ${each.href}`,
      })
    }
    byPath.set(each.href, each)
    const key = checksumKey(each.checksum)
    kept.add(key)
    if (input.pooled.has(key)) continue
    const same = toFetch.get(key)
    if (same !== undefined && same.size !== each.size)
      throw mirrorError('mirror.metadata', {
        file,
        reason: `it says that ${same.href} and ${each.href} are the same bytes, of different sizes`,
      })
    if (same === undefined) toFetch.set(key, each)
  }
  const packages = [...byPath.values()]
  const fetch = [...toFetch.values()].sort((a, b) => b.size - a.size)
  return {
    packages,
    fetch,
    bytes: fetch.reduce((sum, each) => sum + each.size, 0),
    unchanged: packages.filter((each) => input.previous.has(checksumKey(each.checksum))).length,
    removed: [...input.previous].filter((key) => !kept.has(key)).length,
  }
}

/** @throws mirror.metadata if a path occurs twice, or as a file and as a folder */
export function checkPaths(paths: Iterable<string>, file: string): void {
  const files = new Set<string>()
  for (const path of paths) {
    if (files.has(path))
      throw mirrorError('mirror.metadata', { file, reason: `two different files lie at ${path}` })
    files.add(path)
  }
  for (const path of files) {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const folder = path.slice(0, slash)
      if (files.has(folder))
        throw mirrorError('mirror.metadata', {
          file,
          reason: `${folder} would be a file and the folder of ${path}`,
        })
    }
  }
}
